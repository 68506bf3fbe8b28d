"""Statements as PDF (rules/billing.md, Statement): what each says, in words and numbers that the template lays out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ledger_pipelines.exports.glyphs import first_seen
from ledger_pipelines.exports.statement_csv import KINDS, shortest
from ledger_pipelines.exports.typesetting import Data, Template, typeset, typeset_each
from ledger_pipelines.money import format_amount
from ledger_pipelines.wording import counted

TERABYTE = Decimal(2**40)
_GROUPS = {
    "user": "Users",
    "asset": "Devices",
    "backup": "Backup",
    "hours": "Ticket hours",
    "custom": "Other charges",
}
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Paper:
    """A statement (a row of `billing_statements`), its lines, and whether its month is closed."""

    statement: Mapping[str, Any]
    lines: Sequence[Mapping[str, Any]]
    is_final: bool


def statement_pdf(papers: Sequence[Paper]) -> bytes:
    """These statements of one month, at least one, each on pages of its own: a PDF dated on the month's last day.

    The same statements are the same bytes. Raises LedgerError where one cannot be set.
    """
    return typeset(*_job(papers))


def statement_pdfs(papers: Iterable[Paper]) -> Iterator[bytes]:
    """Each of these statements as a PDF of its own, in their order; a few are set ahead. Raises LedgerError likewise."""
    return typeset_each(_job([paper]) for paper in papers)


def _job(papers: Sequence[Paper]) -> tuple[Template, Data, date]:
    first = papers[0].statement
    title = (
        f"Statement {first['statement_number']}" if len(papers) == 1 else f"Statements {first['month']:%Y-%m}"
    )
    data: dict[str, Data] = {"title": title, "statements": [_stated(paper) for paper in papers]}
    return "statement", data, first["statement_date"]


def _stated(paper: Paper) -> dict[str, Data]:
    statement, currency = paper.statement, paper.statement["currency"]
    charged = sorted((line for line in paper.lines if line["amount"]), key=_place)
    groups = [(kind, [line for line in charged if line["kind"] == kind]) for kind in KINDS]
    listed = [(_GROUPS[kind], lines, _sum(lines)) for kind, lines in groups if lines]
    return {
        "title": f"Statement {statement['statement_number']}",
        "company": first_seen(statement["company_name"], statement["account_number"]),
        "draft": not paper.is_final,
        "note": _note(statement, is_final=paper.is_final),
        "facts": _facts(statement),
        "sums": [[title, format_amount(amount, currency)] for title, _, amount in listed],
        "total": f"{currency} {format_amount(statement['total'], currency)}",
        "groups": [
            {
                "title": title,
                "rows": [_row(line, currency) for line in lines],
                "sum-title": f"Total {title.lower()}",
                "sum": format_amount(amount, currency),
            }
            for title, lines, amount in listed
        ],
        "unlisted": _unlisted(len(paper.lines) - len(charged)),
        "reckonings": [*_hours(statement), *_backup(statement)],
    }


def _place(line: Mapping[str, Any]) -> tuple[str, ...]:
    return line["description"], line["source_type"], line["source_id"]


def _sum(lines: Sequence[Mapping[str, Any]]) -> Decimal:
    return sum((line["amount"] for line in lines), _NOTHING)


def _note(statement: Mapping[str, Any], *, is_final: bool) -> str:
    notes = [] if is_final else ["The month is not closed yet: this statement can still change."]
    if statement["incomplete_parts"]:
        notes.append(f"Not all could be read anew: {statement['incomplete_parts']}.")
    return " ".join(notes)


def _unlisted(count: int) -> str:
    return f"{counted(count, 'line')} without a charge left out." if count else ""


def _facts(statement: Mapping[str, Any]) -> list[Data]:
    facts = {
        "Account": statement["account_number"],
        "Billing period": f"{statement['month']:%B %Y}",
        "Statement date": _day(statement["statement_date"]),
        "Due date": _day(statement["due_date"]),
        "Plan": statement["billing_plan"],
        "Contract term": statement["contract_term"],
        "Contract end": _contract_end(statement),
        "Currency": statement["currency"],
    }
    if statement["support_level"]:
        facts["Support level"] = statement["support_level"]
    return [{"name": name, "value": value} for name, value in facts.items()]


def _day(day: date) -> str:
    return day.isoformat()


def _contract_end(statement: Mapping[str, Any]) -> str:
    end = statement["contract_end_date"]
    if end is None:
        return "Not fixed"
    if statement["contract_expired"]:
        return f"{_day(end)} (expired)"
    left = (end - statement["statement_date"]).days
    return f"{_day(end)} ({counted(left, 'day')} left)"


def _row(line: Mapping[str, Any], currency: str) -> list[Data]:
    return [
        line["description"],
        shortest(line["quantity"], None),
        format_amount(line["rate"], currency),
        format_amount(line["amount"], currency),
    ]


def _hours(statement: Mapping[str, Any]) -> list[Data]:
    """Hours used, what prepaid hours cover of them, and what is billed."""
    used, late = statement["hours_used"], statement["late_hours"]
    monthly, yearly = statement["prepaid_hours_monthly"], statement["prepaid_hours_yearly"]
    if not any((used, late, monthly, yearly)):
        return []
    by_month = min(used, monthly)
    left = max(_NOTHING, yearly - statement["hours_earlier_in_year"])
    by_year = min(used - by_month, left)
    rows = [["Used in the month", used]]
    if monthly:
        rows.append([f"Covered by the {_number(monthly)} prepaid for each month", -by_month])
    if yearly:
        rows.append(
            [f"Covered by the {_number(left)} left of the {_number(yearly)} prepaid for the year", -by_year]
        )
    if late:
        rows.append(["Of earlier months, known since they were closed", late])
    foot = ["Billable", _number(statement["billable_hours"] + late)]
    listed: list[Data] = [[name, _number(hours)] for name, hours in rows]
    return [_computation("How the hours were reckoned", "Hours", "Hours", listed, foot)]


def _backup(statement: Mapping[str, Any]) -> list[Data]:
    """The company's pool of included storage, what is stored, and what is over."""
    machines = statement["backed_up_workstations"] + statement["backed_up_servers"]
    if not machines and not statement["backup_bytes"]:
        return []
    quota, times = _number(statement["backup_included_tb"]), "\N{MULTIPLICATION SIGN}"
    included = f"Included: {counted(machines, 'machine')} with backup {times} {quota} TB"
    rows: list[Data] = [
        ["Stored by all devices", _terabytes(statement["backup_bytes"])],
        [included, _terabytes(statement["included_bytes"])],
    ]
    foot = ["Over what is included", _terabytes(statement["overage_bytes"])]
    return [_computation("How the backup was reckoned", "Storage (1 TB = 1024⁴ bytes)", "TB", rows, foot)]


def _computation(title: str, head: str, unit: str, rows: list[Data], foot: list[str]) -> Data:
    return {"title": title, "head": head, "unit": unit, "rows": rows, "foot": foot}


def _terabytes(size: Decimal | int) -> str:
    return _number((Decimal(size) / TERABYTE).quantize(Decimal("0.000001"), ROUND_HALF_UP))


def _number(value: Decimal) -> str:
    return shortest(value, None)
