"""What the tests of the CFO's transactions share."""

from ledger_pipelines_tests.watching import watched_frames

__all__ = ["watched_frames"]
