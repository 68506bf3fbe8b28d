"""Holded (wire/holded.md)."""
