"""Notion (wire/notion.md)."""
