"""HiveMatrix Codex, and Core, whose tokens open it (wire/codex.md)."""
