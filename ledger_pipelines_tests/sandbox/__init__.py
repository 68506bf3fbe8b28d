"""Tests of the sandbox, each over real HTTP where it can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from ledger_pipelines.sandbox.server import Sandbox

#: A rate at which one record of each sort is malformed, and no request in a lifetime fails on its way.
RECORDS_ONLY = 1e-9
TIMEOUT_SECONDS = 20


@dataclass(slots=True)
class Client:
    """What a source does: fetches a token from Core, then reads from Codex with it."""

    sandbox: Sandbox
    session: requests.Session
    _token: str = ""

    def token(self) -> str:
        """A service token for Codex, fetched once."""
        if not self._token:
            body = {"calling_service": "ledger", "target_service": "codex"}
            answer = self.core("POST", "/service-token", json=body)
            assert answer.status_code == 200
            self._token = answer.json()["token"]
        return self._token

    def core(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """A request to Core."""
        return self.session.request(
            method, self.sandbox.core_url + path, timeout=TIMEOUT_SECONDS, **arguments
        )

    def codex(
        self, path: str, *, method: str = "GET", authorisation: str | None = None, **arguments: Any
    ) -> requests.Response:
        """A request to Codex, with a good token unless `authorisation` is given."""
        headers = {"Authorization": f"Bearer {self.token()}" if authorisation is None else authorisation}
        if authorisation == "":
            headers = {}
        return self.session.request(
            method, self.sandbox.codex_url + path, headers=headers, timeout=TIMEOUT_SECONDS, **arguments
        )

    def read(self, path: str, **arguments: Any) -> Any:
        """The body of a request to Codex that succeeds."""
        answer = self.codex(path, **arguments)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "application/json"
        return answer.json()

    def bulk(self, year: str = "") -> list[dict[str, Any]]:
        """Everything in one answer."""
        return list(self.read("/api/companies/bulk", params={"include_tickets": "true", "year": year}))
