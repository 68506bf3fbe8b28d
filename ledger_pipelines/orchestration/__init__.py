"""The Dagster toolkit that every asset uses: month partitions, executed steps, findings, metadata, runs."""
