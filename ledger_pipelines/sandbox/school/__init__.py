"""The invented school that Holded, 4Geeks and Notion know: one history, told by each in its own way."""
