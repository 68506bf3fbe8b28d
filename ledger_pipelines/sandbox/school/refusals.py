"""How Holded, 4Geeks and Notion say no: status, headers and body of each refusal.

Here: also what each, and Freshservice and Datto RMM, answers when it is made to fail on the way (`faults`).
"""

from __future__ import annotations

import random
from typing import Any
from uuid import uuid4

import orjson
from starlette.responses import HTMLResponse, Response

JSON = "application/json"
#: Notion's other bad days, beside a plain 500.
_NOTION_FAILURES = (
    (500, "internal_server_error", "Unexpected error occurred."),
    (503, "service_unavailable", "Notion is unavailable. Please try again later."),
    (504, "gateway_timeout", "Notion did not answer in time."),
    (529, "service_overload", "Notion is overloaded. Please try again later."),
    (409, "conflict_error", "The transaction could not be completed, potentially due to a data collision."),
)
_FOURGEEKS_PAGE = "<!doctype html><html><body><h1>Server Error (500)</h1></body></html>"
_HOLDED_PAGE = (
    "<!DOCTYPE html><html><head><title>Holded</title></head>"
    "<body><h1>Page not found</h1><p>Check the address.</p></body></html>\n"
)


def holded_refusal(status: int, info: str, headers: dict[str, str] | None = None) -> Response:
    """Holded's no. Its status may be 200 all the same."""
    return Response(orjson.dumps({"status": 0, "info": info}), status, headers, media_type=JSON)


def holded_page() -> Response:
    """What Holded answers to an address that it does not know: a page, with status 200."""
    return HTMLResponse(_HOLDED_PAGE)


def fourgeeks_refusal(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """4Geeks' no."""
    return fourgeeks_answer({"detail": detail, "status_code": status}, status, headers)


def fourgeeks_answer(body: Any, status: int, headers: dict[str, str] | None = None) -> Response:
    """A short answer of 4Geeks."""
    return Response(orjson.dumps(body), status, headers, media_type=JSON)


def notion_error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    """Notion's no."""
    body = {
        "object": "error",
        "status": status,
        "code": code,
        "message": message,
        "request_id": str(uuid4()),
    }
    return Response(orjson.dumps(body), status, headers, media_type=JSON)


def notion_rate_limited(seconds: int) -> Response:
    """Notion's answer to too many requests."""
    message = "You have been rate limited. Please try again in a few minutes."
    return notion_error(429, "rate_limited", message, {"Retry-After": str(seconds)})


def school_failure(system: str, kind: str, wait: str | None, draw: random.Random) -> Response | None:
    """How `system` fails on the way with 429 or 500; None for a service of HiveMatrix.

    `wait` is what Retry-After says; Notion says whole seconds always.
    """
    limited = kind == "429"
    headers = {} if wait is None else {"Retry-After": wait}
    match system:
        case "holded":
            info = "Too many requests" if limited else "Internal server error"
            return holded_refusal(429 if limited else 500, info, headers)
        case "4geeks":
            throttled = fourgeeks_refusal(429, "Request was throttled.", headers)
            return throttled if limited else HTMLResponse(_FOURGEEKS_PAGE, 500)
        case "notion" if limited:
            return notion_rate_limited(int(wait or "1"))
        case "notion":
            return notion_error(*draw.choice(_NOTION_FAILURES))
        case "freshservice" | "datto":
            message = "Too many requests" if limited else "Internal server error"
            # Datto RMM says nothing of when to come back.
            sent_headers = headers if system == "freshservice" else {}
            return Response(
                orjson.dumps({"message": message}), 429 if limited else 500, sent_headers, media_type=JSON
            )
    return None
