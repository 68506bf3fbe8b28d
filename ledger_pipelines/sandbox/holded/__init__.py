"""Holded's stand-in (wire/holded.md)."""
