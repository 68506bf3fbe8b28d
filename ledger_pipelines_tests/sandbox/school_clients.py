"""What a source does with Holded, 4Geeks and Notion, as plainly as can be: one class for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import requests

from ledger_pipelines.sandbox.fourgeeks.access import FOURGEEKS_ACADEMY, FOURGEEKS_TOKEN
from ledger_pipelines.sandbox.holded.access import HOLDED_API_KEY
from ledger_pipelines.sandbox.notion.access import NOTION_DATA_SOURCE_ID, NOTION_TOKEN
from ledger_pipelines.sandbox.server import Sandbox
from ledger_pipelines_tests.sandbox import TIMEOUT_SECONDS

#: A window that holds all of history.
ALWAYS = {"starttmp": "1262300400", "endtmp": "2524604400"}
MADRID = ZoneInfo("Europe/Madrid")

Record = dict[str, Any]


def midnight(day: date) -> str:
    """Unix seconds of a day's start in Madrid, as a parameter."""
    return str(int(datetime(day.year, day.month, day.day, tzinfo=MADRID).timestamp()))


@dataclass(slots=True)
class Holded:
    """Reads Holded page by page."""

    sandbox: Sandbox
    session: requests.Session

    def ask(self, path: str, *, key: str | None = HOLDED_API_KEY, **params: str) -> requests.Response:
        """One request, with the good key unless another or none is given."""
        headers = {} if key is None else {"key": key}
        url = self.sandbox.holded_url + path
        return self.session.get(url, headers=headers, params=params, timeout=TIMEOUT_SECONDS)

    def read(self, path: str, **params: str) -> list[Record]:
        """The records of all pages."""
        records: list[Record] = []
        for page in range(1, 1_000):
            answer = self.ask(path, page=str(page), **params)
            assert answer.status_code == 200, answer.text
            if not answer.json():
                break
            records += answer.json()
        return records

    def documents(self, kind: str = "invoice", **params: str) -> list[Record]:
        """All documents of a kind, of all time unless a window is given."""
        return self.read(f"/documents/{kind}", **{**ALWAYS, **params})


@dataclass(slots=True)
class FourGeeks:
    """Reads 4Geeks with the token that never expires."""

    sandbox: Sandbox
    session: requests.Session

    def ask(self, path: str, *, headers: dict[str, str] | None = None, **params: str) -> requests.Response:
        """One request; `headers` replace those that say who we are."""
        given = {"Authorization": f"Token {FOURGEEKS_TOKEN}", "Academy": str(FOURGEEKS_ACADEMY)}
        url = self.sandbox.fourgeeks_url + path
        return self.session.get(
            url, headers=given if headers is None else headers, params=params, timeout=TIMEOUT_SECONDS
        )

    def login(self, email: str, password: str) -> requests.Response:
        """Signs in."""
        url = f"{self.sandbox.fourgeeks_url}/auth/login/"
        return self.session.post(url, json={"email": email, "password": password}, timeout=TIMEOUT_SECONDS)

    def read(self, path: str, *, limit: int = 200, **params: str) -> list[Record]:
        """The records of all pages, as they are now."""
        records: list[Record] = []
        while True:
            page = {"limit": str(limit), "offset": str(len(records)), "cache": "false"}
            answer = self.ask(path, **{**page, **params})
            assert answer.status_code == 200, answer.text
            records += answer.json()["results"]
            if answer.json()["next"] is None:
                return records

    def students(self, **params: str) -> list[Record]:
        """The students."""
        return self.read("/auth/academy/student", **params)

    def memberships(self, **params: str) -> list[Record]:
        """The students' memberships of cohorts."""
        return self.read("/admissions/academy/cohort/user", **{"roles": "STUDENT", **params})


@dataclass(slots=True)
class Notion:
    """Reads Notion's one data source."""

    sandbox: Sandbox
    session: requests.Session

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: Any = None,
        token: str = NOTION_TOKEN,
        version: str | None = "2025-09-03",
    ) -> requests.Response:
        """One request; without `Notion-Version` when `version` is None."""
        headers = {"Authorization": f"Bearer {token}"} | ({"Notion-Version": version} if version else {})
        url = self.sandbox.notion_url + path
        return self.session.request(method, url, headers=headers, json=body, timeout=TIMEOUT_SECONDS)

    def query(self, **body: Any) -> requests.Response:
        """One page of a query."""
        return self.ask(f"/data_sources/{NOTION_DATA_SOURCE_ID}/query", method="POST", body=body)

    def pages(self, **body: Any) -> Iterator[Record]:
        """The answers of a query, one after another."""
        while True:
            answer = self.query(**body)
            assert answer.status_code == 200, answer.text
            yield answer.json()
            if not answer.json()["has_more"]:
                return
            body["start_cursor"] = answer.json()["next_cursor"]

    def read(self, **body: Any) -> list[Record]:
        """All results of a query."""
        return [result for page in self.pages(**body) for result in page["results"]]
