"""Reads that answer a question of a rule, a check or a person. Not here: whatever writes."""
