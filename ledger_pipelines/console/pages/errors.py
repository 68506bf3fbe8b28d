"""`/errors`: records that could not be used, what to do about each, and deciding about one or many."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Form, Request
from starlette.datastructures import QueryParams
from starlette.responses import HTMLResponse, Response

from ledger_pipelines.closing.readiness import SOURCES
from ledger_pipelines.console.access import Clerk
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.listing import Heading, State, fetch, read_state
from ledger_pipelines.console.pages.acting import back, number_of, plain
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import parse_month
from ledger_pipelines.printable import one_line
from ledger_pipelines.sources.http.redaction import redact, redact_text
from ledger_pipelines.store.queries import integration_errors as stored
from ledger_pipelines.wording import counted
from ledger_pipelines.workflows.cures import cure_of
from ledger_pipelines.workflows.integration_errors import ignore, resolve, unignore

router = APIRouter()

HEADINGS = (
    Heading("chosen", "Choose", is_sortable=False),
    Heading("integration_name", "From"),
    Heading("external_id", "Record"),
    Heading("error_message", "What is wrong, and what to do", is_sortable=False),
    Heading("status", "Status"),
    Heading("first_seen_at", "First seen"),
    Heading("last_seen_at", "Last seen"),
    Heading("occurrences", "Times", is_number=True),
)
#: As the API calls them, so that the export has the same address.
_NAMES = ("integration_name", "operation_type", "entity_type")
FILTERS = (*_NAMES, "status", "blocking", "month", "id")
#: What the page shows where the address says nothing.
_DEFAULT_STATUS = "open"
STATUSES = (
    ("all", "All"),
    ("resolved", "Resolved"),
    ("healed", "Healed by themselves"),
    ("ignored", "Ignored"),
)
_STATUSES = ("open", "resolved", "healed", "ignored")
_BLOCKING = {"yes": True, "no": False}
_DONE = {"resolve": "resolved", "ignore": "ignored from now on", "heed": "counting again"}
#: Characters of a payload that a page shows.
_LONGEST_PAYLOAD = 20_000


@router.get("/errors")
def show_errors(request: Request, console: ConsoleDep, person: Clerk) -> HTMLResponse:
    """The errors that the address asks for, the open ones by default, the newest first."""
    done = _DONE.get(request.query_params.get("did", ""))
    count = number_of(request.query_params.get("count"))
    news = None if done is None else f"{counted(count, 'error')} {'is' if count == 1 else 'are'} {done}."
    return _render(request, console, person, request.query_params, news=news)


@router.post("/errors")
def decide(
    request: Request,
    console: ConsoleDep,
    person: Clerk,
    decision: Annotated[str, Form()],
    ids: Annotated[list[str] | None, Form(alias="id")] = None,
    note: Annotated[str, Form()] = "",
    query: Annotated[str, Form()] = "",
) -> Response:
    """Resolves the chosen errors, ignores them, or counts them again."""
    chosen = sorted({number for text in ids or [] if (number := number_of_record(text)) > 0})
    try:
        count = _decide(console, person, decision, chosen, plain(note))
    except LedgerError as error:
        return _render(
            request,
            console,
            person,
            QueryParams(query),
            refusal=str(error),
            chosen=chosen,
            note=note,
            status=422,
        )
    return back(request, "/errors", query, did=decision, count=count)


def understood(state: State) -> tuple[State, str]:
    """The state without the filters that can narrow nothing, and a sentence on each that was taken out."""
    given = dict(state.filters)
    messages = []
    try:
        if "month" in given:
            parse_month(given["month"])
    except LedgerError as error:
        messages.append(str(error))
        del given["month"]
    for name, known in (("status", ("all", *_STATUSES)), ("blocking", tuple(_BLOCKING))):
        if given.get(name, known[0]) not in known:
            messages.append(f"{name} is {one_line(given.pop(name))!r}: choose one of {', '.join(known)}.")
    if "id" in given and not number_of_record(given["id"]):
        messages.append(f"id is {one_line(given.pop('id'))!r}: write the number of an error.")
    if messages:
        messages.append("The list is not narrowed by that.")
    return replace(state, filters=given), " ".join(messages)


def read_filter(state: State) -> stored.ErrorFilter:
    """What a list's state narrows the errors to, of filters that were `understood`."""
    given = state.filters
    status = status_of(state)
    return stored.ErrorFilter(
        integration_name=given.get("integration_name"),
        operation_type=given.get("operation_type"),
        entity_type=given.get("entity_type"),
        status=status if status in _STATUSES else None,
        is_blocking=_BLOCKING.get(given.get("blocking", "")),
        month=parse_month(given["month"]) if "month" in given else None,
        text=state.search,
        number=number_of_record(given["id"]) if "id" in given else None,
    )


def status_of(state: State) -> str:
    """The status that is looked for: open ones where the address says neither it nor which error."""
    return state.filters.get("status", "all" if "id" in state.filters else _DEFAULT_STATUS)


def number_of_record(text: str) -> int:
    """The id that a form gives, 0 for what can be none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def payload_of(text: str) -> tuple[Mapping[str, Any], str]:
    """A payload and how it is shown: its numbers as they came, without secrets, and cut where it is very long."""
    try:
        found = json.loads(text, parse_float=Decimal, parse_int=Decimal)
        details = redact(found) if isinstance(found, dict) else {}
        excerpt = orjson.dumps(details, default=_digits, option=orjson.OPT_INDENT_2).decode()
    except (RecursionError, orjson.JSONEncodeError):
        # Nested more deeply than anything that is looked at.
        details, excerpt = {}, text
    if excerpt == "{}":
        return {}, ""
    more = len(excerpt) - _LONGEST_PAYLOAD
    excerpt = redact_text(excerpt[:_LONGEST_PAYLOAD])
    return details, excerpt + (f"\n… and {more:,} characters more" if more > 0 else "")


def _render(
    request: Request,
    console: Console,
    person: Person,
    query: QueryParams,
    *,
    news: str | None = None,
    refusal: str | None = None,
    chosen: Sequence[int] = (),
    note: str = "",
    status: int = 200,
) -> HTMLResponse:
    state, problem = understood(read_state(query, HEADINGS, FILTERS, sort="-last_seen_at"))
    found = stored.found_errors(read_filter(state))
    listing = fetch(console.database, found, HEADINGS, state, found.selected_columns.id)
    with console.database.connect() as connection:
        kinds = _kinds(stored.count_errors(connection))
        healed = stored.healed_by(connection, [row["id"] for row in listing.rows if row["is_healed"]])
    for row in listing.rows:
        details, row["shown_payload"] = payload_of(row["error_details"])
        row["cure"] = cure_of(
            row["integration_name"], row["operation_type"], row["entity_type"], row["external_id"], details
        )
        row["healed_by"] = healed.get(row["id"])
    return page(
        request,
        "errors.html",
        person,
        status=status,
        listing=listing,
        counts=kinds,
        totals={name: sum(one[name] for one in kinds) for name in ("open", "blocking", "ignored", "healed")},
        choices={name: sorted({(one[name], one[name]) for one in kinds}) for name in _NAMES},
        statuses=STATUSES,
        sources=SOURCES,
        page_query=state.query(page=state.page),
        export_query=state.query(status=status_of(state)),
        news=news,
        refusal=" ".join(filter(None, (refusal, problem))),
        chosen=chosen,
        note=note,
    )


def _decide(console: Console, person: Person, decision: str, chosen: Sequence[int], note: str) -> int:
    if decision not in _DONE:
        raise LedgerError("Choose what becomes of the errors: resolve, ignore or heed.")
    if not chosen:
        raise LedgerError("Choose at least one error first.")
    if decision == "heed":
        return unignore(console.database, chosen)
    act = resolve if decision == "resolve" else ignore
    return act(console.database, chosen, note, person=person.name)


def _kinds(counts: Sequence[stored.ErrorCount]) -> list[dict[str, Any]]:
    """The counts by kind, with those of each status beside each other; what holds months open comes first."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for one in counts:
        key = (one.integration_name, one.operation_type, one.entity_type)
        kind = found.setdefault(
            key,
            {
                **dict(zip(_NAMES, key, strict=True)),
                **dict.fromkeys(("open", "blocking", "ignored", "resolved", "healed"), 0),
                "last_seen_at": one.last_seen_at,
            },
        )
        kind[one.status] += one.count
        kind["blocking"] += one.blocking
        kind["healed"] += one.healed
        kind["last_seen_at"] = max(kind["last_seen_at"], one.last_seen_at)
    return sorted(found.values(), key=lambda kind: (-kind["blocking"], -kind["open"]))


def _digits(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value).encode())
    raise TypeError(type(value).__name__)
