"""Answers that break HTTP itself, at every list of every system: each is one sentence, and names the system."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sources.codex.client import CodexClient
from ledger_pipelines.sources.fourgeeks.client import FourGeeksClient
from ledger_pipelines.sources.holded.client import HoldedClient
from ledger_pipelines.sources.http.clock import Clock
from ledger_pipelines.sources.http.retries import RetryPolicy
from ledger_pipelines.sources.notion.client import NotionClient
from ledger_pipelines_tests.sources.conftest import FakeTime
from ledger_pipelines_tests.sources.plain_server import MALFORMED, Sent, sending
from ledger_pipelines_tests.sources.school_servers import DATABASE, KEY, NOTION_TOKEN, PASSWORD, TOKEN

ONCE = RetryPolicy(attempts=1)
SECRETS = (KEY, TOKEN, PASSWORD, NOTION_TOKEN)


def _codex(entity: str) -> Callable[[str, Clock], object]:
    def read(url: str, clock: Clock) -> object:
        with CodexClient(None, url, api_key=KEY, timeout=2, retries=ONCE, clock=clock) as client:
            return client.fetch(frozenset({entity}), [2025])

    return read


def _core(url: str, clock: Clock) -> object:
    with CodexClient(url, url, timeout=2, retries=ONCE, clock=clock) as client:
        return client.fetch(frozenset({"plans"}))


def _holded(read: Callable[[HoldedClient], object]) -> Callable[[str, Clock], object]:
    def ask(url: str, clock: Clock) -> object:
        with HoldedClient(url, KEY, timeout=2, retries=ONCE, clock=clock) as client:
            return read(client)

    return ask


def _fourgeeks(read: Callable[[FourGeeksClient], object]) -> Callable[[str, Clock], object]:
    def ask(url: str, clock: Clock) -> object:
        with FourGeeksClient(url, token=TOKEN, timeout=2, retries=ONCE, clock=clock) as client:
            return read(client)

    return ask


def _fourgeeks_login(url: str, clock: Clock) -> object:
    with FourGeeksClient(
        url, email="a@b.example", password=PASSWORD, timeout=2, retries=ONCE, clock=clock
    ) as client:
        return client.students()


def _notion(url: str, clock: Clock) -> object:
    with NotionClient(url, NOTION_TOKEN, DATABASE, timeout=2, retries=ONCE, clock=clock) as client:
        return client.pages()


LISTS = {
    "Codex's companies": ("Codex", _codex("companies")),
    "Codex's devices": ("Codex", _codex("assets")),
    "Codex's tickets": ("Codex", _codex("tickets")),
    "Codex's plans": ("Codex", _codex("plans")),
    "Core's tokens": ("Core", _core),
    "Holded's services": ("Holded", _holded(HoldedClient.sales_channels)),
    "Holded's contacts": ("Holded", _holded(HoldedClient.contacts)),
    "Holded's documents": (
        "Holded",
        _holded(lambda client: client.documents(date(2025, 1, 1), date(2025, 3, 1))),
    ),
    "4Geeks' students": ("4Geeks", _fourgeeks(FourGeeksClient.students)),
    "4Geeks' memberships": ("4Geeks", _fourgeeks(FourGeeksClient.memberships)),
    "4Geeks' login": ("4Geeks", _fourgeeks_login),
    "Notion's pages": ("Notion", _notion),
}


@pytest.mark.parametrize("sent", [pytest.param(each.values[0], id=each.id) for each in MALFORMED])
@pytest.mark.parametrize("of", LISTS)
def test_each_malformed_answer_is_one_sentence_of_its_system(
    of: str, sent: bytes, fake_time: FakeTime
) -> None:
    system, read = LISTS[of]
    with sending(Sent(sent)) as url, pytest.raises(LedgerError) as caught:
        read(url, fake_time.clock)
    told = str(caught.value)
    assert told.startswith(system)
    assert told.endswith(".")
    assert not re.search(r"[\x00-\x1f\x7f]|Traceback|Error\(", told)
    assert not [secret for secret in SECRETS if secret in told]
