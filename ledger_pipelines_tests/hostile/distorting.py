"""A server between the ledger and the sandbox that distorts one list of one source: nothing, a tenth, all of it twice.

Every request goes on to the sandbox, so that credentials, pages and limits are those of the real systems.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

#: What a list becomes, by the name of the answer.
ANSWERS: dict[str, Callable[[list[Any]], Any]] = {
    "nothing": lambda _: [],
    "null": lambda _: None,
    "an object": lambda _: {},
    "a tenth": lambda records: records[::10],
    "twice": lambda records: records + records,
}
#: Another reading of the same records: each list's with a value changed.
_OTHER: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    # A ticket without hours stays so: that it once had some would be remembered, and rightly.
    "codex tickets": lambda one: {"total_hours_spent": (one.get("total_hours_spent") or -1) + 1},
    "codex plans": lambda one: {"per_user_cost": one["per_user_cost"] + 1},
    "holded invoices": lambda one: {"desc": "another reading"},
}
OTHER = "other values"
_BULK = r"/codex/api/companies/bulk"
_HOLDED = r"/holded/api/\w+/v1"
#: Where each list is, and the member of the answer, or of a company in bulk, that holds it; None is the answer itself.
_LISTS: dict[str, list[tuple[str, str | None]]] = {
    "codex companies": [(_BULK, None), (r"/codex/api/companies", None)],
    "codex assets": [(_BULK, "assets"), (r"/codex/api/companies/[^/]+/assets", None)],
    "codex contacts": [(_BULK, "contacts"), (r"/codex/api/companies/[^/]+/contacts", None)],
    "codex tickets": [(_BULK, "tickets"), (r"/codex/api/companies/[^/]+/tickets", None)],
    "codex plans": [(r"/codex/billing-plans/api/plans", "plans")],
    "holded services": [(_HOLDED + r"/saleschannels", None)],
    "holded contacts": [(_HOLDED + r"/contacts", None)],
    "holded invoices": [(_HOLDED + r"/documents/invoice", None)],
    "holded credit notes": [(_HOLDED + r"/documents/creditnote", None)],
    "4geeks students": [(r"/4geeks/.*/auth/academy/student", "results")],
    "4geeks memberships": [(r"/4geeks/.*/admissions/academy/cohort/user", "results")],
    "notion pages": [(r"/notion/.*/query", "results")],
}
LISTS = tuple(_LISTS)
_KEPT_HEADERS = {"content-type", "retry-after", "location"}
_ONE_RECORD = re.compile(rf"{_HOLDED}/(?:documents/(?:invoice|creditnote)|contacts)/[^/]+")


@dataclass
class Distortion:
    """Which list is distorted, and how; `one_by_one` also what is asked for by its id, which then is not there.

    `has_bulk` is whether Codex has its endpoint for all companies at once; `is_felt` whether any answer was changed yet:
    a tenth of a list of one is the list itself.
    """

    of: str | None = None
    answer: str = "nothing"
    one_by_one: bool = False
    has_bulk: bool = True
    times: int = field(default=0, init=False)
    is_felt: bool = field(default=False, init=False)

    def set(self, of: str | None, answer: str = "nothing", *, one_by_one: bool = False) -> None:
        """Distorts this list from now on; None ends all distortion."""
        self.of, self.answer, self.one_by_one, self.times = of, answer, one_by_one, 0
        self.is_felt = False

    def apply(self, path: str, body: Any) -> Any:
        """What comes of an answer."""
        for where, member in _LISTS.get(self.of or "", []):
            if re.fullmatch(where, path):
                changed = self._distorted(body, member, in_entries=where == _BULK)
                self.is_felt |= changed != body
                return changed
        return body

    def _distorted(self, body: Any, member: str | None, *, in_entries: bool) -> Any:
        other = _OTHER.get(self.of or "")
        if self.answer == OTHER and other is not None:
            change: Callable[[list[Any]], Any] = lambda records: [one | other(one) for one in records]  # noqa: E731
        else:
            change = ANSWERS[self.answer]
        self.times += 1
        if member is None:
            return change(body)
        if in_entries:
            return [entry | {member: change(entry[member])} if entry.get(member) else entry for entry in body]
        changed = body | {member: change(body[member])}
        is_another_count = self.answer != OTHER and isinstance(changed[member], list)
        if is_another_count and isinstance(body.get("count"), int):
            # A count that is at odds with its list would be told by itself.
            changed["count"] = len(change([0] * body["count"]))
        return changed


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        distortion = self.server.distortion
        if path == _BULK and not distortion.has_bulk:
            self._answer(404, {"Content-Type": "application/problem+json"}, b'{"title": "404 Not Found"}')
            return
        if distortion.one_by_one and _ONE_RECORD.fullmatch(path):
            self._answer(404, {"Content-Type": "application/json"}, b'{"status": 0, "info": "not found"}')
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                self.command,
                self.server.target + self.path,
                data=sent,
                headers=headers,
                allow_redirects=False,
            )
        body = answer.content
        if answer.status_code == 200 and answer.headers.get("Content-Type", "").startswith(
            "application/json"
        ):
            body = json.dumps(distortion.apply(path, json.loads(body))).encode()
        kept = {name: value for name, value in answer.headers.items() if name.lower() in _KEPT_HEADERS}
        self._answer(answer.status_code, kept, body)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.distortion = Distortion()


@contextmanager
def distorting(target: str) -> Iterator[tuple[str, Distortion]]:
    """The base URL of a server before the sandbox at `target`, and what it distorts."""
    server = _Server(target)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.distortion
    finally:
        server.shutdown()
        server.server_close()
