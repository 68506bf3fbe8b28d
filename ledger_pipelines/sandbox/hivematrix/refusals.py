"""How Codex and Core say no: the recorded status, content type and body of each refusal.

All answers are bytes with a newline at the end, as Flask writes them, so that lengths agree too.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

JSON = "application/json"
PROBLEM = "application/problem+json"

_TITLES = {401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error"}
_NOT_FOUND = (
    "404 Not Found: The requested URL was not found on the server. If you entered the URL manually please "
    "check your spelling and try again."
)
MISSING_AUTHORISATION = "401 Unauthorized: Authorization header is missing or invalid."
INVALID_OR_EXPIRED = "401 Unauthorized: Invalid or expired token"
UNEXPECTED = "An unexpected error occurred"


def json_answer(body: Any, status: int = 200) -> Response:
    """`body` as JSON, with `status`."""
    return Response(orjson.dumps(body) + b"\n", status, media_type=JSON)


def problem(status: int, detail: str, instance: str, headers: dict[str, str] | None = None) -> Response:
    """A problem document (RFC 9457) in the members and order that the real services send."""
    title = _TITLES[status]
    body = {
        "detail": detail,
        "instance": instance,
        "status": status,
        "title": title,
        "type": f"about:blank#{title.lower().replace(' ', '-')}",
    }
    return Response(orjson.dumps(body) + b"\n", status, headers, media_type=PROBLEM)


def local_path(scope: Any) -> str:
    """The path as the service itself sees it, without the prefix that the sandbox puts before it."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


async def unknown_route(request: Request, _: Exception) -> Response:
    """404 for a path that no route has; a trailing slash makes such a path."""
    return problem(404, _NOT_FOUND, local_path(request.scope))


async def unexpected(request: Request, _: Exception) -> Response:
    """500 for all that the real services do not catch: a wrong method, a body that is not JSON."""
    return problem(500, UNEXPECTED, local_path(request.scope))


class UnexpectedError(Exception):
    """Something that the real service fails over, with 500 and no explanation."""
