"""4Geeks, BreatheCode (wire/fourgeeks.md)."""
