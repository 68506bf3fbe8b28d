"""Starting work through Dagster from outside it; outcomes are plain data."""
