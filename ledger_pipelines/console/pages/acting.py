"""What pages do with a form that was sent: back to where one was, with a notice of what was done."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from starlette.responses import RedirectResponse

from ledger_pipelines.console.exact import is_storable
from ledger_pipelines.console.problems import Refused

#: The query's names that say what was done. A notice is made of these, and of no text that an address brings.
DONE = ("did", "count")


def back(request: Request, path: str, query: str = "", **parameters: str | int | None) -> RedirectResponse:
    """To a page of ours (303), with the query that it had, and what was done."""
    remaining = [(name, value) for name, value in parse_qsl(query[:4000]) if name not in (*DONE, *parameters)]
    added = [(name, str(value)) for name, value in parameters.items() if value is not None]
    words = urlencode([*remaining, *added])
    return RedirectResponse(
        f"{request.scope.get('root_path', '')}{path}" + (f"?{words}" if words else ""),
        303,
        headers={"Cache-Control": "no-store"},
    )


def number_of(text: str | None) -> int:
    """A count in an address's query, 0 where it is no number."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else 0


def plain(text: str, most: int = 2000) -> str:
    """A text of a form as it may be kept. Raises Refused (422) for one that no table holds, or that is too long."""
    if not is_storable(text) or len(text) > most:
        raise Refused(422, f"The text has signs that no record has, or more than {most:,} of them.")
    return text.strip()
