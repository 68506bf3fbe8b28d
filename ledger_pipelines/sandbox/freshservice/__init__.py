"""Freshservice's stand-in (wire/freshservice.md)."""
