"""What must hold of every month's statements (rules/billing.md, Invariants).

Each function returns the rows that offend, none when all is well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import pandas as pd
import pyarrow as pa

from ledger_pipelines.billing.billed_hours import TICKET
from ledger_pipelines.billing.hour_units import hours_in_units, units_in_hours
from ledger_pipelines.billing.inputs import KEY, BillingInputs
from ledger_pipelines.billing.limits import billable_terms
from ledger_pipelines.billing.outputs import STATEMENT_LINES, STATEMENTS, TICKET_HOURS
from ledger_pipelines.frames import constant, dtype, mapped, narrowed, to_arrow, to_pandas
from ledger_pipelines.money import CHARGE
from ledger_pipelines.months import month_of

#: Ids that are one company's own: another may have a line with the same.
_OF_EACH_COMPANY = ("contact", "backup", "tickets", "ticket")
#: What a line says of itself to a person.
_BILLED = ("description", "amount", "currency")

_KEY_FIELDS = [STATEMENTS.field(name) for name in KEY]
_TICKET_FIELDS = [TICKET_HOURS.field(name) for name in ("month", *TICKET)]
_HOURS = TICKET_HOURS.field("hours")


def statements_missing_or_doubled(
    inputs: BillingInputs, statements: pa.Table, months: Sequence[date]
) -> pa.Table:
    """Active companies with a plan that have no statement, or several, and statements of others.

    Rows: month, account_number, statements (how many there are).
    """
    asked = sorted({month_of(month) for month in months})
    terms, _ = billable_terms(inputs, asked)
    written = to_pandas(statements)[KEY]
    written = written[written["month"].isin(asked)]
    counts = written.assign(statements=constant(1, pa.int64(), written)).groupby(KEY).sum().reset_index()
    found = terms.frame[KEY].merge(counts, on=KEY, how="outer", indicator="company")
    found = found[(found["company"] != "both") | (found["statements"] > 1)]
    found = found.assign(statements=found["statements"].fillna(0)).sort_values(KEY)
    return to_arrow(found, pa.schema([*_KEY_FIELDS, pa.field("statements", pa.int64())]))


def totals_that_do_not_add_up(lines: pa.Table, statements: pa.Table) -> pa.Table:
    """Statements whose total is not the sum of their lines, and lines that no statement adds up.

    Rows: month, account_number, total (null where there is no statement), lines (their sum; 0 where there are
    none).
    """
    sums = to_pandas(lines.group_by(KEY).aggregate([("amount", "sum")]))
    found = to_pandas(statements)[[*KEY, "total"]].merge(sums, on=KEY, how="outer")
    found = found.assign(lines=narrowed(found["amount_sum"], CHARGE).fillna(0))
    found = found[~(found["total"] == found["lines"]).fillna(False)].sort_values(KEY)
    return to_arrow(found, pa.schema([*_KEY_FIELDS, pa.field("total", CHARGE), pa.field("lines", CHARGE)]))


def billed_twice(lines: pa.Table) -> pa.Table:
    """Lines that bill what another line of the month bills, too.

    An asset, a manual record and a line item may be billed once anywhere, a user, a backup charge and ticket
    hours once to each company. Rows: month, source_type, source_id, account_number, description, amount, currency.
    """
    frame = to_pandas(lines)
    owners = frame["account_number"].where(frame["source_type"].isin(_OF_EACH_COMPANY), "")
    key = ["month", "source_type", "source_id"]
    twice = frame[frame[key].assign(owner=owners).duplicated(keep=False)]
    return _lines(twice, [*key, "account_number"])


def tickets_billed_twice(ticket_hours: pa.Table) -> pa.Table:
    """Tickets whose hours count more than once in a month. A ticket is its number within a company.

    Rows: month, account_number, ticket_number, times, hours (all that count).
    """
    frame = to_pandas(ticket_hours)
    counting = frame[frame["hours"] > 0]
    counted = counting.groupby(["month", *TICKET])["hours"].agg(times="count", hours="sum").reset_index()
    twice = counted[counted["times"] > 1].sort_values(["month", *TICKET])
    return to_arrow(
        twice.assign(hours=narrowed(twice["hours"], _HOURS.type)),
        pa.schema([*_TICKET_FIELDS, pa.field("times", pa.int64()), _HOURS]),
    )


def tickets_billed_beyond_their_hours(booked: pa.Table, month: date) -> pa.Table:
    """Tickets of which closed months up to this one billed more than the most hours that they knew it to have.

    `booked` is `ticket_hours` of closed months. A number that started again is several tickets, by `ticket_id`.
    In whole seconds, as tickets have them. Rows: month, account_number, ticket_number, billed, hours (the most).
    """
    frame = to_pandas(booked)
    so_far = frame[frame["month"] <= month]
    so_far = so_far.assign(billed=hours_in_units(so_far["hours"]), most=hours_in_units(so_far["total_hours"]))
    of_each = so_far.groupby([*TICKET, "ticket_id"], dropna=False).agg(
        billed=("billed", "sum"), most=("most", "max")
    )
    sums = of_each.groupby(TICKET)[["billed", "most"]].sum().reset_index()
    beyond = sums[sums["billed"] > sums["most"]].sort_values(TICKET)
    return to_arrow(
        beyond.assign(
            month=constant(month, pa.date32(), beyond),
            billed=units_in_hours(beyond["billed"]),
            hours=units_in_hours(beyond["most"]),
        ),
        pa.schema([*_TICKET_FIELDS, _HOURS.with_name("billed"), _HOURS]),
    )


def lines_without_source(lines: pa.Table, inputs: BillingInputs) -> pa.Table:
    """Lines whose record is not in the month's snapshot of that company, nor among those kept by hand.

    Backup lines need a device with backup, hours a ticket of the month. Rows: month, account_number,
    source_type, source_id, description, amount, currency.
    """
    frame = to_pandas(lines)
    found = [frame[~frame["source_type"].isin(list(_RECORDS))]]
    for source_type, some in frame.groupby("source_type"):
        if source_type in _RECORDS:
            records = _RECORDS[source_type](inputs).drop_duplicates()
            named = some.merge(records, on=list(records.columns), how="left", indicator="record")
            found.append(named[named["record"] == "left_only"].drop(columns="record"))
    return _lines(pd.concat(found), [*KEY, "source_type", "source_id"])


def contracts_ending(statements: pa.Table, *, within_days: int = 60) -> pa.Table:
    """Statements whose contract ends on the month's last day or within this time after it.

    One that has expired before is not among them. Rows: month, account_number, company_name, contract_term,
    contract_end_date; by end.
    """
    frame = to_pandas(statements)
    ends, last = frame["contract_end_date"], frame["statement_date"]
    latest = mapped(last, lambda day: day + timedelta(days=within_days), pa.date32())
    columns = [*KEY, "company_name", "contract_term", "contract_end_date"]
    ending = frame[(ends >= last) & (ends <= latest)].sort_values(["contract_end_date", *KEY])
    return to_arrow(ending, pa.schema([STATEMENTS.field(name) for name in columns]))


def _named_by(table: str, name: str, of: list[str]) -> Callable[[BillingInputs], pd.DataFrame]:
    """The records of an input, as lines name them: whose they are, and the `source_id`."""

    def records_of(inputs: BillingInputs) -> pd.DataFrame:
        records = inputs.frame(table)
        return records[of].assign(source_id=records[name].astype(dtype(pa.string())))

    return records_of


def _with_backup(inputs: BillingInputs) -> pd.DataFrame:
    assets = inputs.frame("assets")
    return assets[assets["backup_data_bytes"] > 0][KEY]


#: The records behind lines, by the lines' source type: those of the month's snapshots, and those that people keep.
_RECORDS: dict[object, Callable[[BillingInputs], pd.DataFrame]] = {
    "contact": _named_by("contacts", "id", KEY),
    "asset": _named_by("assets", "id", KEY),
    "manual_user": _named_by("manual_users", "id", ["account_number"]),
    "manual_asset": _named_by("manual_assets", "id", ["account_number"]),
    "line_item": _named_by("custom_line_items", "id", ["account_number"]),
    "backup": _with_backup,
    "tickets": lambda inputs: inputs.frame("tickets")[KEY],
    "ticket": _named_by("tickets", "ticket_number", KEY),
}


def _lines(frame: pd.DataFrame, key: list[str]) -> pa.Table:
    """The lines by this key, with what they say of themselves."""
    schema = pa.schema([STATEMENT_LINES.field(name) for name in (*key, *_BILLED)])
    return to_arrow(frame.sort_values(key), schema)
