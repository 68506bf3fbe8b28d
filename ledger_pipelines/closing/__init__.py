"""The rules of closing a month for good: pure, as the other rules are."""
