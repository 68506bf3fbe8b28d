"""The steps of a sync: their names, order and months, as everybody calls them (rules/sync_management.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import (
    add_months,
    describe_months,
    format_month,
    month_of,
    month_range,
    parse_month,
)


@dataclass(frozen=True, slots=True)
class SyncStep:
    """A step: its id for outsiders, its name, what it does, the source it reads, and the assets that it fills."""

    id: str
    name: str
    description: str
    source: str | None
    assets: tuple[str, ...]


#: In their fixed order.
IMPORT_STEPS = (
    SyncStep("services", "Sync Services", "Import services from Holded", "holded", ("services",)),
    SyncStep(
        "invoices",
        "Sync Invoices",
        "Import invoices and clients from Holded",
        "holded",
        ("holded_contacts", "invoices", "invoice_lines", "invoice_payments", "contracts"),
    ),
    SyncStep(
        "crm-clients", "Sync CRM Clients", "Import students from 4Geeks clients", "4geeks", ("clients",)
    ),
    SyncStep(
        "service-periods",
        "Sync Service Periods",
        "Import enrollments from 4Geeks clients",
        "4geeks",
        ("enrollments",),
    ),
    SyncStep(
        "notion-external-id",
        "Sync Notion External IDs",
        "Import page IDs from Notion clients",
        "notion",
        ("external_ids",),
    ),
)
ACCRUAL_STEP = SyncStep(
    "accruals",
    "Process Accruals",
    "Process contract accruals for the specified period",
    None,
    ("monthly_accruals", "deferred_revenue", "accrual_notices"),
)


def steps_from(step_id: str | None) -> tuple[SyncStep, ...]:
    """The steps that starting at this one executes: it and all after it; all import steps for None.

    `accruals` is executed alone. Raises LedgerError for an unknown name.
    """
    if step_id is None:
        return IMPORT_STEPS
    if step_id == ACCRUAL_STEP.id:
        return (ACCRUAL_STEP,)
    ids = [step.id for step in IMPORT_STEPS]
    if step_id not in ids:
        raise LedgerError(f"{step_id!r} is no step: choose {', '.join(ids)} or {ACCRUAL_STEP.id}.")
    return IMPORT_STEPS[ids.index(step_id) :]


def step_named(step_id: str) -> SyncStep:
    """One step by its id. Raises LedgerError for an unknown name."""
    return steps_from(step_id)[0]


def sync_months(
    year: int | None, start: str | None, end: str | None, *, first_month: date, today: date
) -> list[date]:
    """The months of a sync: from `start` to before `end`, else those of the year, else those of this year.

    A year's months are those that the ledger has: from its first one up to the current one. Raises LedgerError
    when a date is not the first of a month, one of the two is missing, or there is no month.
    """
    if start is not None or end is not None:
        if start is None or end is None:
            raise LedgerError(
                "Say both the start date (included) and the end date (not included), or only a year."
            )
        months = month_range(parse_month(start), parse_month(end))
        if not months:
            raise LedgerError(
                f"The range {start} to {end} has no month: its end is not included and must come later."
            )
        return months
    wanted = today.year if year is None else year
    of_ledger = month_range(first_month, add_months(month_of(today), 1))
    months = [month for month in of_ledger if month.year == wanted]
    if not months:
        raise LedgerError(
            f"{wanted} is outside the ledger: its months are {format_month(of_ledger[0])} to "
            f"{format_month(of_ledger[-1])}."
        )
    return months


_COUNTS = (
    *(
        "no",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ),
)


def months_in_words(months: Sequence[date]) -> str:
    """An unbroken range as a person reads it: `Four months, 2024-03 to 2024-06; July 2024 is not included.`"""
    count = len(months)
    number = _COUNTS[count] if count < len(_COUNTS) else f"{count:,}"
    after = add_months(months[-1], 1)
    return (
        f"{number.capitalize()} {'month' if count == 1 else 'months'}, {describe_months(months)}; "
        f"{after:%B %Y} is not included."
    )
