"""Notion's stand-in (wire/notion.md)."""
