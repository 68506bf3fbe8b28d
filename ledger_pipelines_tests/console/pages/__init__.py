"""Pages, asked in process over small books."""
