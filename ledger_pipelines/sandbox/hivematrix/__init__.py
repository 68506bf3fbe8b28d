"""The stand-ins of HiveMatrix Core and Codex, and the companies that they know (wire/codex.md)."""
