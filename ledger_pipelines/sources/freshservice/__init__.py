"""Freshservice (wire/freshservice.md)."""
