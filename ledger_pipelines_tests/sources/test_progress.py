"""Whoever waits for many pages is told of each answer."""

from __future__ import annotations

from ledger_pipelines.sources.http.bodies import read_list
from ledger_pipelines.sources.http.exchange import HttpSource
from ledger_pipelines.sources.http.failures import Address
from ledger_pipelines.sources.http.progress import listening
from ledger_pipelines_tests.sources.conftest import FakeTime, ScriptedServer, problem_reply, reply


def test_answers_are_told_once_each_and_only_while_somebody_listens(
    scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    heard: list[tuple[str, str]] = []
    scripted.script("/things", reply([]), problem_reply(503, "busy"), reply([]), reply([]))
    source = HttpSource(Address("Shop", scripted.url, "SHOP_URL", "check."), clock=fake_time.clock)
    with listening(lambda name, route: heard.append((name, route))):
        source.get("/things", read_list, params={"page": "1"})
        source.get("/things", read_list, params={"page": "2"})  # after an answer that was none
    source.get("/things", read_list)
    assert heard == [("Shop", "/things"), ("Shop", "/things")]
