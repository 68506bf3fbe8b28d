"""Local stand-ins for the outside systems, speaking their wire formats over real HTTP.

Shares no code with `sources`: a shared mistake would hide.
"""
