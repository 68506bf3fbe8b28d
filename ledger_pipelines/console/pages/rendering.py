"""Pages from templates: HTML in which everything is escaped, with links under the console's own prefix."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

import jinja2
from fastapi import Request
from markupsafe import Markup
from starlette.responses import HTMLResponse

from ledger_pipelines.console.context import console_of
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.pages.navigation import areas_of
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.money import decimal_places, format_money
from ledger_pipelines.months import describe_months, format_month, parse_month
from ledger_pipelines.wording import counted

#: What stands where there is nothing.
NONE = "\N{EN DASH}"
#: What htmx puts in place of a part of a page, and asks for with this header.
_PART = "hx-request"


def page(
    request: Request,
    template: str,
    person: Person | None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """The template as a page. `person` decides which pages the navigation leads to."""
    root = request.scope.get("root_path", "")
    path = request.url.path.removeprefix(root) or "/"
    content = (
        environment()
        .get_template(template)
        .render(
            request=request,
            root=root,
            path=path,
            query=request.query_params,
            person=person,
            areas=areas_of(person),
            today=console_of(request).today,
            version=version("ledger-pipelines"),
            **context,
        )
    )
    return HTMLResponse(content, status, headers={"Vary": "HX-Request, Cookie", **(headers or {})})


def part(request: Request, template: str, person: Person | None, **context: Any) -> HTMLResponse:
    """A fragment of a page, for htmx to put in place: the template without the frame of a page."""
    return page(request, template, person, **context)


def is_partial(request: Request) -> bool:
    """Whether htmx asks, for a part of the page: history is restored whole."""
    return _PART in request.headers and "hx-history-restore-request" not in request.headers


def error_page(
    request: Request, status: int, message: str, headers: Mapping[str, str] | None = None, **context: Any
) -> HTMLResponse:
    """A page that says what went wrong, to a person who is signed in; `sent` are a form's fields, to be sent `again`."""
    return page(
        request,
        "error.html",
        getattr(request.state, "person", None),
        status=status,
        headers=headers,
        title=HTTPStatus(status).phrase,
        message=message,
        **context,
    )


@lru_cache
def environment() -> jinja2.Environment:
    """Jinja with the console's templates: escaped, and strict about names that nobody gave."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("ledger_pipelines.console", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "month": format_month,
        "months": describe_months,
        "month_texts": month_texts,
        "month_words": lambda month: f"{month:%B %Y}",
        "money": format_money,
        "amount": amount,
        "field": field,
        "fixed": fixed,
        "number": number,
        "instant": instant,
        "counted": counted,
        "with_query": with_query,
    }
    return made


def amount(value: Decimal | None, currency: str = "", *, signed: bool = False) -> str:
    """An amount with its currency's decimals and no currency: `1,550.00`; a dash where there is none."""
    if value is None:
        return NONE
    return f"{value:{'+' if signed else ''},.{decimal_places(value, currency)}f}"


def number(value: Decimal | int | None, most: int = 4) -> str:
    """A quantity, an hour or a rate with its own decimals, at most `most`: `1,234.5`; a dash where there is none."""
    if value is None:
        return NONE
    if isinstance(value, int):
        return f"{value:,}"
    places = value.normalize().as_tuple().exponent
    return f"{value:,.{min(most, max(0, -places if isinstance(places, int) else 0))}f}"


def fixed(value: Decimal, places: int = 2) -> str:
    """A quantity of a column in which all have as many decimals, rounded half-up."""
    return f"{value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,.{places}f}"


def field(value: Any) -> Any:
    """A record's field as people read it, whatever it is."""
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return instant(value)
    return number(value, 6) if isinstance(value, (int, Decimal)) else value


def instant(at: datetime | date | None) -> Markup:
    """A time as `2026-01-31 08:15`, in UTC, exact for programs."""
    if at is None:
        return Markup("{}").format(NONE)
    if not isinstance(at, datetime):
        return Markup('<time datetime="{0}">{0}</time>').format(at.isoformat())
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), f"{at:%Y-%m-%d %H:%M}")


def month_texts(months: Any) -> str:
    """Months that are texts, as a run keeps them, in words; a dash where there is none that can be read."""
    try:
        return describe_months(map(parse_month, months or ())) or NONE
    except (LedgerError, TypeError, AttributeError):
        return NONE


def with_query(path: str, parameters: Mapping[str, Any]) -> str:
    """A path with a query of what is not None."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path
