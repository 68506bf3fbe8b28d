"""4Geeks' pages: a bare array of the first records, or an envelope by `limit` and `offset`."""

from __future__ import annotations

from urllib.parse import parse_qs

import orjson
from starlette.datastructures import URL

#: Records on a page unless the client asks for another number; there is no greatest one.
DEFAULT_LIMIT = 20


def paged(url: URL, rows: list[bytes], way: str | None = None) -> tuple[bytes, dict[str, str]]:
    """The body and the headers for the page that `url` asks for.

    Degraded in the `way` named "cut", the list ends in the middle of a page; "hole", its first page is empty.
    """
    params = parse_qs(url.query)
    if not ({"limit", "offset"} & set(params)):
        return _array(rows[:DEFAULT_LIMIT]), {}
    limit = _whole(params, "limit") or DEFAULT_LIMIT
    offset = _whole(params, "offset")
    total = len(rows)
    places = _places(total, limit, offset)
    links = {name: _at(url, limit, place) for name, place in places.items()}
    served = rows[offset : offset + limit]
    if way == "cut":
        served, links["next"] = served[: len(served) // 2], None
    elif way == "hole" and offset == 0:
        served, links["next"] = [], _at(url, limit, limit)
    envelope = orjson.dumps({"count": total, **links})
    body = envelope[:-1] + b',"results":' + _array(served) + b"}"
    relations = [f'<{link}>; rel="{name}"' for name, link in links.items() if link]
    headers = {
        "X-Total-Count": str(total),
        "X-Per-Page": str(limit),
        "X-Page": str(offset // limit + 1),
        "Link": ", ".join(relations),
    }
    return body, headers


def _places(total: int, limit: int, offset: int) -> dict[str, int | None]:
    """Where the other pages start: no first from the first page, no last from the last one."""
    last = (total - 1) // limit * limit if total else 0
    ends = offset + limit >= total
    return {
        "first": None if offset == 0 else 0,
        "next": None if ends else offset + limit,
        "previous": None if offset == 0 else max(offset - limit, 0),
        "last": None if ends else last,
    }


def _at(url: URL, limit: int, offset: int | None) -> str | None:
    return None if offset is None else str(url.include_query_params(limit=limit, offset=offset))


def _whole(params: dict[str, list[str]], name: str) -> int:
    text = params.get(name, [""])[-1]
    return int(text) if text.isascii() and text.isdecimal() else 0


def _array(rows: list[bytes]) -> bytes:
    return b"[" + b",".join(rows) + b"]"
