"""Garbage collection is as it was, whatever happened while it was paused."""

from __future__ import annotations

import gc

import pytest

from ledger_pipelines.general_ledger.garbage import collection_paused


@collection_paused()
def fail() -> None:
    raise ValueError(f"collects: {gc.isenabled()}")


def test_collection_is_on_again_after_an_error() -> None:
    assert gc.isenabled()
    with pytest.raises(ValueError, match="collects: False"):
        fail()
    assert gc.isenabled()


def test_collection_that_was_off_stays_off() -> None:
    with collection_paused():
        with collection_paused():
            pass
        assert not gc.isenabled()
