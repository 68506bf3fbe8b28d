"""What the tests of exports share."""

from ledger_pipelines_tests.watching import watched_frames

__all__ = ["watched_frames"]
