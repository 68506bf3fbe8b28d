"""Tests of the whole: the real command, the real database, the sandbox over real HTTP, Dagster in a browser."""
