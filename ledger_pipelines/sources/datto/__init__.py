"""Datto RMM (wire/datto.md)."""
