"""From records to frames: each is validated, and what cannot be read is a problem that names it."""
