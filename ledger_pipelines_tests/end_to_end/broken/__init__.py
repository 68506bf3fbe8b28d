"""Databases, disks and other runs that get in a command's way."""
