"""4Geeks' stand-in (wire/fourgeeks.md)."""
