"""What a trace tells of a source's requests: each try, without ids and secrets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger_pipelines import tracing
from ledger_pipelines.errors import SourceUnavailableError
from ledger_pipelines.sources.http.bodies import read_json
from ledger_pipelines.sources.http.credentials import HeaderKey
from ledger_pipelines.sources.http.exchange import HttpSource
from ledger_pipelines.sources.http.failures import Address, AnswerError
from ledger_pipelines.sources.http.limits import run_concurrently
from ledger_pipelines_tests.collector import Collector, running_collector
from ledger_pipelines_tests.sources.conftest import FakeTime, ScriptedServer, problem_reply, reply

KEY, PARAMETER, ID = "k3y-nobody-may-see-41", "p4rameter-nobody-may-see", "5001-of-somebody"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with running_collector(monkeypatch) as collector:
        yield collector


def test_each_try_of_a_request_is_a_span_without_ids_and_secrets(
    collector: Collector, scripted: ScriptedServer
) -> None:
    scripted.script(f"/things/{ID}", problem_reply(503, "not now"), reply({}))
    address = Address("Shop", scripted.url, "SHOP_URL", "check SHOP_KEY.", ca_setting="SHOP_CA_FILE")
    with HttpSource(address, credential=HeaderKey("key", KEY), clock=FakeTime().clock) as source:

        def ask() -> object:
            return source.get(f"/things/{ID}", read_json, route="/things/{id}", params={"token": PARAMETER})

        with tracing.span("step shop"):
            assert list(run_concurrently([ask], 1)) == [{}]
        scripted.script("/gone", problem_reply(404, f"no {KEY}"))
        with pytest.raises((AnswerError, SourceUnavailableError)):
            source.get("/gone", read_json)
    first, second, step, gone = collector.spans()
    assert step.name == "step shop"
    assert [(one.name, one.parent_id, one.trace_id) for one in (first, second)] == [
        ("Shop GET /things/{id}", step.span_id, step.trace_id)
    ] * 2
    assert first.attributes == {
        "ledger.source": "Shop",
        "http.request.method": "GET",
        "url.template": "/things/{id}",
        "http.response.status_code": 503,
        "ledger.attempt": 1,
        "error.type": "TransientError",
    }
    assert (first.has_failed, second.has_failed, gone.has_failed) == (True, False, True)
    assert (second.attributes["ledger.attempt"], second.attributes["http.response.status_code"]) == (2, 200)
    assert gone.attributes["http.response.status_code"] == 404
    assert collector.has_seen("Shop")
    assert [one for one in (KEY, PARAMETER, ID, scripted.url) if collector.has_seen(one)] == []
