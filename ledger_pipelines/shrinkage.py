"""Lists that came back empty, or far shorter than they were: not accepted until a person confirms it.

What could not be read is not absent. A source that had records and shows none may be broken, filtered or another
one; the months keep what they had, and the difference is an integration error. To ignore that error is to confirm it:
the next reading is accepted, once (`take_confirmation` in `store.integration_errors`).
"""

from __future__ import annotations

from ledger_pipelines.errors import Problem

#: A list that has less than this share of what it had is not accepted without confirmation.
BELIEVED_SHARE = 0.5
#: Of a list that was shorter than this, only its being empty is doubted.
SHORTEST_DOUBTED = 10
#: The entity type of such an error: what it names is a whole list.
ENTITY = "list"


def is_doubtful(before: int, now: int) -> bool:
    """Whether a list that had `before` records and now has `now` may have been read wrongly."""
    if now == 0:
        return before > 0
    return before >= SHORTEST_DOUBTED and now < before * BELIEVED_SHARE


def shrunken_list(
    integration: str, operation: str, source: str, records: str, *, before: int, now: int
) -> Problem:
    """The error that `records` (a plural, which may name a company or month) of a source came back too few."""
    return Problem(
        integration,
        operation,
        ENTITY,
        f"{records} of {before}",
        f"{source} shows {now:,} {records} where it showed {before:,}, so what was read before is kept: if they are "
        "gone indeed, ignore this error with a note (`ledger errors list`, `ledger errors ignore`) and run again.",
        {"before": before, "now": now},
    )
