"""Tests of who asks the console."""
