"""`/ledgers`: aging as of a day, a party's items, the reconciliation, the trial balance; matches that people make."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import HTMLResponse, Response

from ledger_pipelines.console.access import Clerk
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.downloads import Format, download
from ledger_pipelines.console.exact import ExactRoute
from ledger_pipelines.console.listing import Heading, listed, read_state
from ledger_pipelines.console.pages.acting import back, number_of
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.console.problems import Refused
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import format_month, month_of, parse_month
from ledger_pipelines.store.queries.sub_ledgers import read_trial_balance
from ledger_pipelines.workflows.general_ledger import exports, ledgers
from ledger_pipelines.workflows.general_ledger.payment_matches import add_match, list_matches, undo_match
from ledger_pipelines.workflows.general_ledger.verification import verify

router = APIRouter(route_class=ExactRoute)

_AGES = (
    ("not_due", "Not due"),
    ("days_1_30", "1 to 30 days"),
    ("days_31_60", "31 to 60"),
    ("days_61_90", "61 to 90"),
    ("over_90", "Over 90"),
    ("unallocated_credits", "Credits"),
)
AGING = (
    Heading("name", "Party"),
    *(Heading(name, label, is_number=True) for name, label in _AGES),
    Heading("total", "Total", is_number=True),
    Heading("currency", "Currency"),
)
TRIAL_BALANCE = (
    Heading("account", "Account"),
    Heading("name", "Name"),
    Heading("opening", "Opening", is_number=True),
    Heading("debit", "Debit", is_number=True),
    Heading("credit", "Credit", is_number=True),
    Heading("closing", "Closing", is_number=True),
    Heading(
        "draft", "Of it draft", is_number=True, line="debit less credit of entries that are not posted yet"
    ),
    Heading("currency", "Currency"),
)
#: What explains a difference (rules/general_ledger.md, Reconciliation).
EXPLAINED = {
    "manual": "manual lines without a party",
    "before_sync_start": "entries before the sync's first day",
    "openings": "openings that ledger and parties state differently",
    "party_not_found": "lines whose party was not found",
}
View = Literal["aging", "reconciliation", "trial-balance", "matches"]
Ledger = Literal["customer", "supplier"]


@router.get("/ledgers")
def show_ledgers(
    request: Request,
    console: ConsoleDep,
    person: Clerk,
    show: View = "aging",
    ledger: Ledger = "customer",
    as_of: Annotated[str | None, Query(max_length=10)] = None,
) -> HTMLResponse:
    """One of the four views, as of a day; of the last that was computed where none is given."""
    day = _day(console, as_of)
    context: dict[str, Any] = {
        "show": show,
        "ledger": ledger,
        "day": day,
        "explained": EXPLAINED,
        "ages": _AGES,
    }
    if day is None:
        return page(request, "ledgers.html", person, **context)
    extra = {"show": show, "ledger": ledger, "as_of": day.isoformat()}
    if show == "aging":
        rows = ledgers.aging_on(console.database, day, ledger)
        state = read_state(request.query_params, AGING, ("overdue",), sort="-total", extra=extra)
        context |= {"totals": _totals(rows), "listing": listed(_filtered(rows, state), AGING, state)}
    elif show == "trial-balance":
        with console.database.connect() as connection:
            found = read_trial_balance(connection, [month_of(day)])
        rows = [{**row, "draft": row["draft_debit"] - row["draft_credit"]} for row in found]
        state = read_state(request.query_params, TRIAL_BALANCE, extra=extra)
        context["listing"] = listed(_searched(rows, state.search, ("account", "name")), TRIAL_BALANCE, state)
    elif show == "reconciliation":
        start = console.settings.sync_start_date
        context["verification"] = verify(
            console.database, today=console.today, as_of=day, days=7, sync_start=start
        )
    else:
        context["matches"] = list_matches(console.database)
    return page(request, "ledgers.html", person, **context)


@router.get("/ledgers/party")
def show_party(
    request: Request,
    console: ConsoleDep,
    person: Clerk,
    party: Annotated[str, Query(max_length=400)],
    as_of: Annotated[str | None, Query(max_length=10)] = None,
) -> HTMLResponse:
    """A party's open items on a day and what moved its balance; `match` is the number of one that was kept just now."""
    day = _day(console, as_of)
    if day is None:
        raise Refused(404, "The sub-ledgers were never reckoned: close a month first.")
    try:
        found = ledgers.party_ledger(console.database, party, day)
    except LedgerError as error:
        raise Refused(404, str(error)) from None
    match = number_of(request.query_params.get("match"))
    return page(request, "ledgers_party.html", person, found=found, day=day, match=match, error=None)


@router.post("/ledgers/match")
def match_items(
    request: Request,
    console: ConsoleDep,
    person: Clerk,
    settlement: Annotated[str, Form(max_length=400)],
    item: Annotated[str, Form(max_length=400)],
    party: Annotated[str, Form(max_length=400)],
    amount: Annotated[str, Form(max_length=40)] = "",
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Records that a settlement pays an item: it counts when the month is computed next."""
    match = add_match(
        console.database,
        settlement.strip(),
        item.strip(),
        _amount(amount),
        person=person.name,
        note=note.strip() or None,
    )
    return back(request, "/ledgers/party", party=party, match=match.id)


@router.post("/ledgers/unmatch")
def take_match_back(
    request: Request, console: ConsoleDep, person: Clerk, number: Annotated[int, Form(ge=1, lt=2**63)]
) -> Response:
    """Takes a person's match back."""
    undo_match(console.database, number, person=person.name)
    return back(request, "/ledgers", show="matches")


@router.get("/ledgers/export")
def export_ledgers(
    console: ConsoleDep,
    person: Clerk,
    show: Literal["aging", "trial-balance", "journal"],
    month: Annotated[str, Query(max_length=10)],
    kind: Annotated[Format, Query(alias="format")] = "csv",
) -> Response:
    """A month's aging, trial balance or journal as a file."""
    makers = {
        "aging": exports.export_aging,
        "trial-balance": exports.export_trial_balance,
        "journal": exports.export_journal,
    }
    asked = parse_month(month)
    return download(makers[show](console.database, [asked]), f"{show}-{format_month(asked)}", kind)


def _day(console: Console, asked: str | None) -> date | None:
    """The day that the address names, else the last that was computed; None where nothing was."""
    if not asked:
        return ledgers.last_computed_day(console.database, console.today)
    try:
        day = date.fromisoformat(asked)
    except ValueError:
        raise Refused(422, f"{asked!r} is no day: write it as YYYY-MM-DD.") from None
    if month_of(day) not in ledgers.months_with_ledgers(console.database):
        name = format_month(month_of(day))
        raise Refused(
            404, f"The sub-ledgers of {name} were never reckoned: choose another day, or close {name}."
        )
    return day


def _amount(text: str) -> Decimal | None:
    if not text.strip():
        return None
    try:
        amount = Decimal(text.strip())
        if amount.is_finite() and 0 < amount < Decimal(10) ** 15 and amount == round(amount, 3):
            return amount
    except InvalidOperation:
        pass
    raise LedgerError(
        f"{text!r} is no amount: write it like 120.50, or leave it out for as much as both have."
    )


def _filtered(rows: list[Any], state: Any) -> list[Any]:
    found = _searched(rows, state.search, ("party", "name"))
    if state.filters.get("overdue"):
        late = [name for name, _ in _AGES[1:5]]
        found = [row for row in found if any(row[name] for name in late)]
    return found


def _searched(rows: list[Any], text: str, names: tuple[str, ...]) -> list[Any]:
    wanted = text.casefold()
    return [row for row in rows if any(wanted in str(row[name] or "").casefold() for name in names)]


def _totals(rows: list[Any]) -> dict[str, dict[str, Decimal]]:
    """The columns of an aging added up, by currency."""
    found: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        sums = found.setdefault(row["currency"], {})
        for name in (*(name for name, _ in _AGES), "total"):
            sums[name] = sums.get(name, Decimal(0)) + row[name]
    return found
