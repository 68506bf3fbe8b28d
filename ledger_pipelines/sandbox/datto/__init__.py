"""Datto RMM's stand-in (wire/datto.md)."""
