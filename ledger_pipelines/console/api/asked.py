"""What several routes of the API take: the month, an account, who edits and why; and how they write numbers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import BackgroundTasks, Depends, Header, Path, Query, Request

from ledger_pipelines.console.access import Writer
from ledger_pipelines.console.context import ConsoleDep
from ledger_pipelines.console.dagster import DagsterDep
from ledger_pipelines.console.following import follow
from ledger_pipelines.console.problems import Refused
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import parse_month
from ledger_pipelines.printable import one_line
from ledger_pipelines.store.edits.editing import Editor
from ledger_pipelines.workflows.statements import latest_month

_LONGEST_REASON = 2_000
#: The largest id of a record.
LARGEST_ID = 2**63 - 1


def month_asked(
    console: ConsoleDep,
    year: Annotated[int | None, Query(ge=1990, le=9998, description="With `month`.")] = None,
    month: Annotated[int | None, Query(ge=1, le=12, description="With `year`.")] = None,
) -> date:
    """The month that is asked for, else the latest that has statements."""
    if year is not None and month is not None:
        return date(year, month, 1)
    if year is not None or month is not None:
        raise Refused(422, "Give year and month, or neither for the latest month that has statements.")
    latest = latest_month(console.database)
    if latest is None:
        raise Refused(404, "No month has statements yet: run the job month_close.")
    return latest


def from_month_asked(
    from_month: Annotated[
        str | None, Query(description="From when it holds, YYYY-MM; without it in all open months.")
    ] = None,
) -> date | None:
    """From when an edit holds."""
    try:
        return None if from_month is None else parse_month(from_month)
    except LedgerError as error:
        raise Refused(422, str(error)) from None


def editor_of(
    person: Writer,
    reason: Annotated[
        str | None, Header(alias="X-Edit-Reason", description="Why; kept with the edit.")
    ] = None,
) -> Editor:
    """Who edits, and why."""
    return Editor(person.name, None if reason is None else one_line(reason)[:_LONGEST_REASON] or None)


def _follow_afterwards(
    request: Request, tasks: BackgroundTasks, console: ConsoleDep, dagster: DagsterDep, person: Writer
) -> None:
    if request.method != "GET":
        tasks.add_task(follow, console, dagster, person.name)


#: For routers whose routes edit: once one has answered, a run is asked for.
after_editing = Depends(_follow_afterwards)
Month = Annotated[date, Depends(month_asked)]
FromMonth = Annotated[date | None, Depends(from_month_asked)]
Editing = Annotated[Editor, Depends(editor_of)]
Account = Annotated[str, Path(description="The company's account number.", min_length=1, max_length=300)]
RecordId = Annotated[int, Path(ge=0, le=LARGEST_ID)]


def with_reason(by: Editor, reason: str | None) -> Editor:
    """The editor, with the reason that the body gives, if it does."""
    text = None if reason is None else one_line(reason)[:_LONGEST_REASON]
    return Editor(by.person, text, by.seen) if text else by


def number(value: Decimal, places: int = 2) -> Decimal:
    """A number as it is, with at least `places` decimals and no zeros after them."""
    trimmed = value.normalize()
    exponent = trimmed.as_tuple().exponent
    digits = max(places, -exponent if isinstance(exponent, int) else 0)
    return trimmed.quantize(Decimal(1).scaleb(-digits))
