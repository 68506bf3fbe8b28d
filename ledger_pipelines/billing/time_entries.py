"""Time entries of Freshservice as tickets to bill (rules/billing.md, Ticket hours).

Each billable entry is a ticket of its own to the rest of the rule: number `TICKET/ENTRY`, all its hours in the month of
its `executed_at`. So it is billed once, in its month or, where that is closed, in the first open one; and an entry that
is lowered or deleted after that is owed a credit. An entry keeps the ticket with which the first closed month has it:
moved to another one since, it is still the same entry.

Left open by the rule and decided here: closed months may have billed the same ticket by Codex's hours, before
Freshservice was read. Codex adds up all entries of a ticket, billable or not; so what closed months billed by its number
covers its entries, those first that were written down first, and only what is beyond that is billed. Where its entries
have fewer hours in all than were billed, the difference is owed as a credit; all of it where it has none left. An entry
whose timer runs is not final: nothing of it is billed yet, nor is what closed months billed of it taken for gone; of what
these billed it covers what it has so far. A ticket that Freshservice made after the closed months that billed its number
is another one: what they billed was another PSA's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.billed_hours import TICKET
from ledger_pipelines.billing.claims import with_owner
from ledger_pipelines.billing.entry_months import worked_months
from ledger_pipelines.billing.hour_units import hours_in_units, units_in_hours
from ledger_pipelines.billing.inputs import TICKETS
from ledger_pipelines.frames import (
    Series,
    column_of,
    constant,
    dtype,
    is_among,
    joined,
    to_arrow,
    to_pandas,
    values_of,
)
from ledger_pipelines.tables.freshservice import TIME_ENTRIES

#: Between a ticket's number and an entry's id.
ENTRY_SEPARATOR = "/"
_UNITS_OF_A_SECOND = 25
#: What only the placing of tickets finds out.
_FOUND_LATER = {"month", "hours_before", "is_gone", "moved_from"}
SOURCE_TICKETS = pa.schema([one for one in TICKETS if one.name not in _FOUND_LATER])
#: The ticket that an entry is of in the first closed month that has it, once for each entry.
FIRST_TICKETS = TIME_ENTRIES.part(("id", "ticket_number"))
_UNCLAIMED: list[pa.Field[Any]] = [
    pa.field("month", pa.date32()),
    pa.field("worked_month", pa.date32()),
    pa.field("department_id", pa.int64()),
    pa.field("department", pa.string()),
    pa.field("account_number", pa.string()),
    pa.field("ticket_number", pa.string()),
    pa.field("hours", TICKETS.field("total_hours_spent").type),
]
#: Hours to bill of departments that no company claims, by the month that they stand in, that of the work and the ticket.
UNCLAIMED = pa.schema(_UNCLAIMED)


@dataclass(frozen=True, slots=True)
class EntryTickets:
    """Entries as tickets (SOURCE_TICKETS); account and number of those that closed months know and that are now no
    hours (`gone`); and hours that nobody is billed for (UNCLAIMED).
    """

    tickets: pa.Table
    gone: frozenset[tuple[str, str]]
    unclaimed: pa.Table


@dataclass(frozen=True, slots=True)
class Companies:
    """Who may claim entries: the companies of the months in which these stand (month, account_number, name), and those
    of the present (account_number, name), for months without.
    """

    of_months: pa.Table
    present: pa.Table


def entry_tickets(
    entries: pa.Table,
    companies: Companies,
    known: pa.Table,
    first_tickets: pa.Table,
    ticket_numbers: Collection[str] = (),
) -> EntryTickets:
    """The tickets that entries are.

    `entries` are all of the open months (TIME_ENTRIES), `known` is what closed months know of tickets (KNOWN), by Codex's
    numbers or by those of entries, which `first_tickets` (FIRST_TICKETS) distinguish. `ticket_numbers` are of tickets
    that have no other entries than these, if any.
    """
    books, first = to_pandas(known), to_pandas(first_tickets)
    is_of_entry = books["ticket_number"].isin(_numbers(first))
    rows = _claimed(to_pandas(entries), companies)
    rows = rows.rename(columns={"ticket_number": "ticket_now"}).merge(first, on="id", how="left")
    rows = rows.assign(number_of_codex=rows["ticket_number"].fillna(rows["ticket_now"]))
    rows = rows.assign(ticket_number=_numbers(rows.assign(ticket_number=rows["number_of_codex"])))
    alive = rows[~rows["is_gone"]]
    former = _with_owners(
        books[~is_of_entry & (books["billed_hours"] > 0).fillna(False)], rows, ticket_numbers
    )
    alive = alive.assign(covered=_covered(alive, former))
    counting = alive[~alive["is_running"]]
    left = ((counting["seconds"] - counting["covered"]) * _UNITS_OF_A_SECOND).where(
        counting["is_billable"], 0
    )
    counting = counting.assign(units=left)
    billed = counting[(counting["units"] > 0) & counting["owner"].notna()]
    running = rows[rows["is_running"] & ~rows["is_gone"]]["number_of_codex"]
    lowered = _lowered(former[~former["number_of_codex"].isin(running)], counting)
    has_none = lowered["total_hours_spent"] == 0
    none = rows[rows["is_gone"] | is_among(rows, counting[counting["units"] == 0], ["id"])]
    was_known = books[is_of_entry & is_among(books, none, ["ticket_number"])]
    tickets = pd.concat([_as_tickets(billed), lowered[~has_none]])
    gone = pd.concat([was_known[TICKET], lowered[has_none][TICKET]])
    return EntryTickets(
        to_arrow(tickets.sort_values(TICKET), SOURCE_TICKETS),
        frozenset(zip(gone["account_number"], gone["ticket_number"], strict=True)),
        _unclaimed(counting[(counting["units"] > 0) & counting["owner"].isna()], books),
    )


def is_entry(tickets: pa.Table, first_tickets: pa.Table) -> Any:
    """Which of the tickets that closed months know are time entries (FIRST_TICKETS), as a mask."""
    numbers: Any = values_of(_numbers(to_pandas(first_tickets)))
    return pc.is_in(tickets["ticket_number"], value_set=numbers)


def _claimed(rows: pd.DataFrame, companies: Companies) -> pd.DataFrame:
    """The entries with `owner`, each by the companies of its own month: one that has left since has its hours there.

    A name that a company of the month took since claims, too.
    """
    of_months, present = to_pandas(companies.of_months), to_pandas(companies.present)
    parts = []
    for month in rows["month"].unique():
        part, here = rows[rows["month"] == month], of_months[of_months["month"] == month]
        now = with_owner(part, present, name="department")
        then = with_owner(part, here, name="department")
        is_here = now["owner"].isin(here["account_number"])
        parts.append(
            now if here.empty else then.assign(owner=then["owner"].fillna(now["owner"].where(is_here)))
        )
    return pd.concat(parts, ignore_index=True) if parts else with_owner(rows, present, name="department")


def _with_owners(former: pd.DataFrame, rows: pd.DataFrame, ticket_numbers: Collection[str]) -> pd.DataFrame:
    """What closed months billed by Codex's numbers, one row a ticket, with `owner`: who has the ticket now.

    Those of which nothing is known now are left out.

    Under two companies a number is two tickets: then it is the one of the company that has it now.
    """
    former = former.assign(
        units=hours_in_units(former["billed_hours"]), number_of_codex=former["ticket_number"]
    )
    # An entry that was moved says where its own ticket is now only where no other one does.
    moved = rows.assign(is_moved=rows["ticket_now"] != rows["number_of_codex"]).sort_values(
        "is_moved", kind="stable"
    )
    now = moved[["number_of_codex", "owner"]].drop_duplicates("number_of_codex")
    former = former[former["number_of_codex"].isin([*now["number_of_codex"], *ticket_numbers])]
    former = former.merge(now, on="number_of_codex", how="left")
    former = former[~_is_another(former, rows)]
    is_own = (former["account_number"] == former["owner"]).fillna(False)
    has_own = former["number_of_codex"].isin(former.loc[is_own, "number_of_codex"])
    is_only = ~former["number_of_codex"].duplicated(keep=False)
    return former[is_own | (~has_own & is_only)]


def _is_another(former: pd.DataFrame, rows: pd.DataFrame) -> Series:
    """Where the number's ticket was made after the closed month that billed it last, as Freshservice itself says, which
    never sets that anew: the hours were those of another PSA's ticket.
    """
    own = rows[rows["ticket_now"] == rows["number_of_codex"]]
    made = own.groupby("number_of_codex")["ticket_created_at"].max().reset_index()
    both = former[["number_of_codex", "month"]].merge(made, on="number_of_codex", how="left")
    day = both["ticket_created_at"].astype(dtype(pa.date32()))
    return (day >= both["month"] + pd.DateOffset(months=1)).fillna(False).set_axis(former.index)


def _covered(counting: pd.DataFrame, former: pd.DataFrame) -> Series:
    """Of each entry the seconds that closed months billed by its ticket's number."""
    rows = counting.assign(
        place=range(len(counting)), written=counting["created_at"].fillna(counting["executed_at"])
    )
    rows = rows.merge(former[["number_of_codex", "units"]], on="number_of_codex", how="left")
    rows = rows.sort_values(["number_of_codex", "written", "id"])
    before = rows.groupby("number_of_codex")["seconds"].cumsum() - rows["seconds"]
    left = (rows["units"].fillna(0) // _UNITS_OF_A_SECOND - before).clip(lower=0)
    covered = left.where(left < rows["seconds"], rows["seconds"])
    return covered.set_axis(rows["place"]).sort_index().set_axis(counting.index)


def _lowered(former: pd.DataFrame, counting: pd.DataFrame) -> pd.DataFrame:
    """Tickets by Codex's numbers of which closed months billed more than all their entries have, with these hours."""
    sums = counting.groupby("number_of_codex")["covered"].sum().rename("now").reset_index()
    both = former.merge(sums, on="number_of_codex", how="left")
    now = both["now"].fillna(0) * _UNITS_OF_A_SECOND
    both = both.assign(total_hours_spent=units_in_hours(now))[now < both["units"]]
    return both[SOURCE_TICKETS.names]


def _as_tickets(billed: pd.DataFrame) -> pd.DataFrame:
    nothing = constant(None, pa.string(), billed)
    return billed.assign(
        account_number=billed["owner"],
        ticket_id=billed["id"],
        requester_email=nothing,
        requester_name=nothing,
        last_updated_at=billed["executed_at"],
        closed_at=constant(None, pa.timestamp("us", "UTC"), billed),
        total_hours_spent=units_in_hours(billed["units"]),
    )[SOURCE_TICKETS.names]


def _unclaimed(rows: pd.DataFrame, books: pd.DataFrame) -> pa.Table:
    """Hours without an owner, but for those that closed months billed before their department was renamed."""
    billed = (
        books.assign(billed=hours_in_units(books["billed_hours"])).groupby("ticket_number")["billed"].sum()
    )
    rows = rows.merge(billed.reset_index(), on="ticket_number", how="left")
    rows = rows.assign(units=(rows["units"] - rows["billed"].fillna(0)).clip(lower=0))
    rows = rows[rows["units"] > 0].assign(ticket_number=lambda one: one["ticket_now"])
    if rows.empty:
        return UNCLAIMED.empty_table()
    rows = rows.assign(worked_month=worked_months(rows))
    by = ["month", "worked_month", "department_id", "department", "account_number", "ticket_number"]
    sums = (
        rows.groupby(by, dropna=False)["units"]
        .sum()
        .reset_index()
        .sort_values(["month", "worked_month", "ticket_number"])
    )
    return to_arrow(sums.assign(hours=units_in_hours(sums["units"])), UNCLAIMED)


def _numbers(entries: pd.DataFrame) -> Series:
    """The numbers that entries have as tickets, by id and ticket_number."""
    ids = column_of(values_of(entries["id"]).cast(pa.string()), entries.index)
    return joined(entries["ticket_number"], ENTRY_SEPARATOR, ids)
