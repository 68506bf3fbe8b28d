"""Core's service tokens: got once, kept, renewed in time, renewed when refused."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import jwt
import pytest

from ledger_pipelines.errors import CredentialRefusedError, SourceUnavailableError
from ledger_pipelines.sources.codex.core import FixedKey, ServiceTokens
from ledger_pipelines_tests.sources.conftest import FakeTime, Reply, ScriptedServer, problem_reply, reply

PATH = "/core/service-token"


def _token(fake_time: FakeTime, number: int = 1, *, seconds: float = 300) -> str:
    claims = {
        "iss": "hivematrix-core",
        "sub": "service:ledger",
        "exp": int((fake_time.now() + timedelta(seconds=seconds)).timestamp()),
        "jti": str(number),
    }
    return jwt.encode(claims, "0123456789abcdef0123456789abcdef", algorithm="HS256")


@pytest.fixture
def tokens(scripted: ScriptedServer, fake_time: FakeTime) -> ServiceTokens:
    return ServiceTokens(scripted.url + "/core", clock=fake_time.clock)


def test_a_token_is_asked_for_by_the_names_of_both_services(
    tokens: ServiceTokens, scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    token = _token(fake_time)
    scripted.script(PATH, reply({"token": token}))
    assert tokens.headers() == {"Authorization": f"Bearer {token}"}
    assert tokens.identity() == "service:ledger"
    assert json.loads(scripted.seen[0].body) == {"calling_service": "ledger", "target_service": "codex"}
    assert "Authorization" not in scripted.seen[0].headers


def test_a_token_is_kept_until_under_a_minute_is_left(
    tokens: ServiceTokens, scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    first, second = _token(fake_time, 1), _token(fake_time, 2, seconds=600)
    scripted.script(PATH, reply({"token": first}), reply({"token": second}))
    assert tokens.headers() == {"Authorization": f"Bearer {first}"}
    fake_time.sleep(240)
    assert tokens.headers() == {"Authorization": f"Bearer {first}"}
    fake_time.sleep(1)
    assert tokens.headers() == {"Authorization": f"Bearer {second}"}
    assert scripted.count(PATH) == 2


def test_several_threads_share_one_token(
    tokens: ServiceTokens, scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    scripted.script(PATH, reply({"token": _token(fake_time)}))
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: tokens.headers()["Authorization"], range(40)))
    assert len(set(found)) == 1
    assert scripted.count(PATH) == 1


def test_a_refused_token_is_replaced_once_however_many_threads_were_refused(
    tokens: ServiceTokens, scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    scripted.script(PATH, *(reply({"token": _token(fake_time, number)}) for number in range(9)))
    refused = tokens.headers()
    for _ in range(3):
        assert tokens.renew(refused)
        assert tokens.headers() != refused
    assert scripted.count(PATH) == 2


@pytest.mark.parametrize("token", ["opaque", "a.b.c"])
def test_a_token_that_does_not_say_when_it_ends_serves_once(
    token: str, tokens: ServiceTokens, scripted: ScriptedServer
) -> None:
    scripted.script(PATH, reply({"token": token}))
    assert tokens.headers() == {"Authorization": f"Bearer {token}"}
    assert tokens.headers() == {"Authorization": f"Bearer {token}"}
    assert scripted.count(PATH) == 2


def test_faults_on_the_way_to_a_token_are_survived(
    tokens: ServiceTokens, scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    token = _token(fake_time)
    fault = problem_reply(500, "An unexpected error occurred")
    scripted.script(PATH, *[fault] * 7, reply({"token": token}))
    assert tokens.headers() == {"Authorization": f"Bearer {token}"}


def test_a_service_that_core_does_not_know_is_refused_in_one_sentence(
    tokens: ServiceTokens, scripted: ScriptedServer
) -> None:
    scripted.script(PATH, reply({"error": "Unknown calling_service"}, 400))
    with pytest.raises(CredentialRefusedError) as caught:
        tokens.headers()
    assert str(caught.value) == (
        f"Core gives ledger no token for codex at {scripted.url}{PATH} "
        "(400 Bad Request, “Unknown calling_service”): check CORE_URL, and that Core knows both services."
    )


@pytest.mark.parametrize("body", [{}, {"token": None}, {"token": ""}, []])
def test_an_answer_without_a_token_is_said_clearly(
    body: object, tokens: ServiceTokens, scripted: ScriptedServer
) -> None:
    scripted.script(PATH, reply(body))
    with pytest.raises(SourceUnavailableError) as caught:
        tokens.headers()
    assert str(caught.value) == f"Core answered without a token at {scripted.url}{PATH}: check CORE_URL."


def test_core_down_is_said_clearly(closed_port: str, fake_time: FakeTime) -> None:
    with pytest.raises(SourceUnavailableError) as caught:
        ServiceTokens(closed_port, clock=fake_time.clock).headers()
    assert str(caught.value) == (
        f"Core cannot be reached at {closed_port}/service-token (connection refused): "
        "check CORE_URL, and that Core is running."
    )
    assert sum(fake_time.slept) < 3


def test_a_wrong_core_url_is_said_clearly(scripted: ScriptedServer, fake_time: FakeTime) -> None:
    scripted.script("/service-token", Reply(body=b"<html></html>", content_type="text/html"))
    with pytest.raises(SourceUnavailableError, match=r"Core answered with a web page .* check CORE_URL"):
        ServiceTokens(scripted.url, clock=fake_time.clock).headers()


def test_a_fixed_key_is_sent_as_it_is_and_has_no_successor() -> None:
    key = FixedKey("abc")
    assert key.headers() == {"Authorization": "Bearer abc"}
    assert not key.renew(key.headers())
