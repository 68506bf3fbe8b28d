"""What stands in the tables: a line for every column of every asset, in words that a finance person reads."""
