"""What the tests of this room share."""

from ledger_pipelines_tests.watching import watched_frames

__all__ = ["watched_frames"]
