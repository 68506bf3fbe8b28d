"""HTTP as all sources speak it: one exchange, its limits, retries, time limits and failures in sentences."""
