"""Small stand-ins for Holded, 4Geeks and Notion: lists in pages as each of them has them, and faults on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from ledger_pipelines_tests.sources.conftest import Reply, ScriptedServer, Seen, reply

KEY = "h0lded-key-nobody-may-see"
TOKEN = "4geeks-token-nobody-may-see-1"
PASSWORD = "open sesame 4711"
NOTION_TOKEN = "ntn_token_nobody_may_see_1"
DATABASE = "1f0c9a52-7d3e-4b68-9e21-6a5b4c3d2e1f"
DATA_SOURCE = "2f0c9a52-7d3e-4b68-9e21-6a5b4c3d2e1f"

HTML = Reply(body=b"<!doctype html><title>Holded</title>", content_type="text/html; charset=UTF-8")


class PagingServer(ScriptedServer):
    """Answers `faults` first, one to each request, then `answer`."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[Reply] = []

    def take(self, seen: Seen) -> Reply:
        self.seen.append(seen)
        return self.faults.pop(0) if self.faults else self.answer(seen)

    def answer(self, seen: Seen) -> Reply:
        raise NotImplementedError

    def queries(self) -> list[dict[str, str]]:
        """The parameters of each request."""
        return [_query(seen) for seen in self.seen]


class HoldedLike(PagingServer):
    """`lists` are the records of each path; documents are bounded by date as Holded bounds them.

    `hidden` are ids that no list shows, though each can be had by its id; `by_id` is the answer to every request for
    one record, where it is set. With `shows_all` documents are shown whatever the dates that are asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lists: dict[str, list[Any]] = {}
        self.shows_all = False
        self.hidden: set[str] = set()
        self.by_id: Reply | None = None

    def answer(self, seen: Seen) -> Reply:
        path, query = urlsplit(seen.path).path, _query(seen)
        if seen.headers.get("key") != KEY:
            return reply({"status": 0, "info": "Invalid key"}, 401)
        if path not in self.lists:
            return self._record(*path.rsplit("/", 1))
        records = [record for record in self.lists[path] if not self.hidden & {_id(record)}]
        if path.startswith("/documents/"):
            # The current year, in which none of the tests' documents lies.
            if not {"starttmp", "endtmp"} <= set(query):
                return reply([])
            first, last = int(query["starttmp"]), int(query["endtmp"])
            if not self.shows_all:
                records = [record for record in records if first <= _seconds(record, first) <= last]
        start = (int(query["page"]) - 1) * 500
        return reply(records[start : start + 500])

    def _record(self, path: str, record_id: str) -> Reply:
        if path not in self.lists or self.by_id is not None:
            return self.by_id or HTML
        found = [record for record in self.lists[path] if _id(record) == record_id]
        return reply(found[0] if found else {"status": 0, "info": "not found"}, 200 if found else 400)

    def asked_by_id(self) -> list[str]:
        """The paths of the requests for one record."""
        paths = [urlsplit(seen.path).path for seen in self.seen]
        return [path for path in paths if path not in self.lists]


class FourGeeksLike(PagingServer):
    """`lists` are the records of each path; `tokens` the tokens that hold, `logins` how many were given.

    `refusal` is the answer to everything but a login, where it is set; `academies` are the students of each
    academy, instead of the lists of the only one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self.tokens = {TOKEN}
        self.logins = 0
        self.refusal: Reply | None = None
        self.academies: dict[str, list[dict[str, Any]]] = {}

    def answer(self, seen: Seen) -> Reply:
        path = urlsplit(seen.path).path
        if path == "/auth/login/":
            return self._login(json.loads(seen.body))
        refusal = self.refusal or self._refusal(seen)
        if refusal is not None:
            return refusal
        if path not in self.lists:
            return HTML
        query = _query(seen)
        records = self.academies.get(seen.headers["Academy"], self.lists[path])
        if "limit" not in query and "offset" not in query:
            return reply(records[:20])
        limit, offset = int(query.get("limit", 20)), int(query.get("offset", 0))
        following = f"{self.url}{path}?offset={offset + limit}" if offset + limit < len(records) else None
        return reply({"count": len(records), "next": following, "results": records[offset : offset + limit]})

    def _refusal(self, seen: Seen) -> Reply | None:
        token = seen.headers.get("Authorization", "").removeprefix("Token ")
        if token not in self.tokens:
            return reply({"error": "Invalid or Inactive Token", "status_code": 401}, 401)
        if seen.headers.get("Academy") not in (self.academies or {"6": []}):
            return reply({"detail": "Missing academy_id parameter expected", "status_code": 403}, 403)
        return None

    def _login(self, body: dict[str, str]) -> Reply:
        if body != {"email": "ledger@school.example", "password": PASSWORD}:
            words = f"Unable to log in with provided credentials ({body['password']})."
            return reply({"non_field_errors": [words], "status_code": 400}, 400)
        self.logins += 1
        token = f"{self.logins:040x}"
        self.tokens.add(token)
        return reply({"token": token, "user_id": 1, "email": body["email"], "expires_at": None})


class NotionLike(PagingServer):
    """`pages` are one data source's, by time of creation; a query shows the first 10,000, `step` at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[dict[str, Any]] = []
        self.sources = [{"id": DATA_SOURCE, "name": "Students"}]
        self.step = 100

    def answer(self, seen: Seen) -> Reply:
        if seen.headers.get("Authorization") != f"Bearer {NOTION_TOKEN}":
            return notion_error(401, "unauthorized", "API token is invalid.")
        if seen.headers.get("Notion-Version") != "2025-09-03":
            return notion_error(400, "missing_version", "Notion-Version header should be defined.")
        if seen.path == f"/v1/databases/{DATABASE}":
            return reply({"object": "database", "id": DATABASE, "data_sources": self.sources})
        if seen.path != f"/v1/data_sources/{DATA_SOURCE}/query":
            return notion_error(404, "object_not_found", "Could not find database with ID: x.")
        body = json.loads(seen.body)
        since = body.get("filter", {}).get("created_time", {}).get("on_or_after", "")
        found = [page for page in self.pages if page["created_time"] >= since][:10_000]
        start = int(body.get("start_cursor", 0))
        end = start + min(self.step, body["page_size"])
        has_more = end < len(found)
        return reply(
            {
                "object": "list",
                "results": found[start:end],
                "next_cursor": str(end) if has_more else None,
                "has_more": has_more,
            }
        )

    def bodies(self) -> list[dict[str, Any]]:
        """What each query asked."""
        return [json.loads(seen.body) for seen in self.seen if seen.method == "POST"]


def _id(record: Any) -> str:
    return str(record.get("id")) if isinstance(record, dict) else ""


def _seconds(record: Any, otherwise: int) -> int:
    """The date of a document; one that is none does not keep it out of any window."""
    found = record.get("date") if isinstance(record, dict) else None
    return found if type(found) is int and found < 10_000_000_000 else otherwise


def notion_error(status: int, code: str, message: str, **headers: str) -> Reply:
    """A refusal as Notion writes them."""
    return reply(
        {"object": "error", "status": status, "code": code, "message": message}, status, headers=headers
    )


ServerT = TypeVar("ServerT", bound=PagingServer)


@contextmanager
def running(server: ServerT) -> Iterator[ServerT]:
    """The server, listening."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


def _query(seen: Seen) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(seen.path).query).items()}
