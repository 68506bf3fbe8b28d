"""Tests of a running `ledger up`: all of them ask the same one, in the order of the files."""
