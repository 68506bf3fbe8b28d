"""When an exchange is tried again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from ledger_pipelines.errors import SourceUnavailableError
from ledger_pipelines.sources.http.retries import RetryPolicy, TransientError, retry_after_seconds
from ledger_pipelines_tests.sources.conftest import NOON, FakeTime


def _failing(times: int, tries: list[int], **how: float | bool) -> Callable[[], str]:
    def exchange() -> str:
        tries.append(len(tries))
        if len(tries) <= times:
            failure = SourceUnavailableError(f"failure {len(tries)}")
            raise TransientError(failure, **how)  # type: ignore[arg-type]  # one of its two keywords
        return "answer"

    return exchange


def test_seven_failures_in_a_row_are_survived(fake_time: FakeTime) -> None:
    tries: list[int] = []
    assert RetryPolicy().run(_failing(7, tries), fake_time.clock) == "answer"
    assert len(tries) == 8


def test_a_source_that_keeps_failing_costs_eight_tries_and_under_ten_seconds(fake_time: FakeTime) -> None:
    tries: list[int] = []
    with pytest.raises(SourceUnavailableError, match=r"^failure 8$"):
        RetryPolicy().run(_failing(99, tries), fake_time.clock)
    assert len(tries) == 8
    assert 5 < sum(fake_time.slept) < 10


def test_the_pauses_grow_from_a_tenth_of_a_second_to_two(fake_time: FakeTime) -> None:
    with pytest.raises(SourceUnavailableError):
        RetryPolicy().run(_failing(99, []), fake_time.clock)
    doubled = [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert all(least <= pause <= least + 0.1 for least, pause in zip(doubled, fake_time.slept, strict=True))


def test_a_fifth_of_failures_leaves_less_than_one_request_in_100000() -> None:
    assert 0.2 ** RetryPolicy().attempts < 1e-5


def test_a_source_that_is_not_there_is_known_within_three_seconds(fake_time: FakeTime) -> None:
    tries: list[int] = []
    with pytest.raises(SourceUnavailableError):
        RetryPolicy().run(_failing(99, tries, unreached=True), fake_time.clock)
    assert len(tries) == 5
    assert sum(fake_time.slept) < 3


def _unreached(clock_until: float, fake_time: FakeTime, tries: list[int]) -> Callable[[], str]:
    """Nobody is there until so many seconds have passed."""

    def exchange() -> str:
        tries.append(len(tries))
        if fake_time.clock.monotonic() < clock_until:
            raise TransientError(SourceUnavailableError("nobody"), unreached=True)
        return "answer"

    return exchange


@pytest.mark.parametrize("seconds", [4.0, 28.0])
def test_a_source_that_was_there_is_waited_for_while_it_is_restarted(
    seconds: float, fake_time: FakeTime
) -> None:
    tries: list[int] = []
    exchange = _unreached(seconds, fake_time, tries)
    assert RetryPolicy().run(exchange, fake_time.clock, was_there=lambda: True) == "answer"
    assert sum(fake_time.slept) < seconds + 2.1


def test_a_source_that_was_there_is_given_up_after_thirty_seconds(fake_time: FakeTime) -> None:
    tries: list[int] = []
    with pytest.raises(SourceUnavailableError, match=r"^nobody$"):
        RetryPolicy().run(_unreached(99, fake_time, tries), fake_time.clock, was_there=lambda: True)
    assert 30 <= sum(fake_time.slept) < 33
    assert len(tries) < 25


def test_a_source_that_comes_back_badly_has_all_its_tries_yet(fake_time: FakeTime) -> None:
    busy = SourceUnavailableError("busy")
    script = (
        [TransientError(busy)]
        + [TransientError(busy, unreached=True)] * 10
        + [TransientError(busy, status=503)] * 6
    )

    def exchange() -> str:
        if script:
            raise script.pop(0)
        return "answer"

    assert RetryPolicy().run(exchange, fake_time.clock, was_there=lambda: True) == "answer"


def test_a_status_may_have_fewer_tries(fake_time: FakeTime) -> None:
    policy = RetryPolicy(attempts_at={500: 2})
    tries: list[int] = []
    with pytest.raises(SourceUnavailableError, match=r"^failure 2$"):
        policy.run(_failing(99, tries, status=500), fake_time.clock)
    assert policy.run(_failing(7, [], status=503), fake_time.clock) == "answer"


def test_a_pause_is_at_least_what_the_source_asks_for(fake_time: FakeTime) -> None:
    RetryPolicy().run(_failing(2, [], retry_after=7.0), fake_time.clock)
    assert fake_time.slept == [7.0, 7.0]


def test_a_pause_that_is_asked_for_has_a_limit(fake_time: FakeTime) -> None:
    RetryPolicy().run(_failing(1, [], retry_after=86_400.0), fake_time.clock)
    assert fake_time.slept == [60.0]


def test_slow_failures_end_when_patience_does(fake_time: FakeTime) -> None:
    tries: list[int] = []
    fail = _failing(99, tries)

    def slow() -> str:
        fake_time.sleep(60)
        return fail()

    with pytest.raises(SourceUnavailableError):
        RetryPolicy().run(slow, fake_time.clock)
    assert len(tries) == 3


def test_what_cannot_pass_is_raised_at_once(fake_time: FakeTime) -> None:
    def refuse() -> str:
        raise SourceUnavailableError("final")

    with pytest.raises(SourceUnavailableError, match=r"^final$"):
        RetryPolicy().run(refuse, fake_time.clock)
    assert fake_time.slept == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ((NOON + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT"), 90.0),
        ((NOON - timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT"), 0.0),
        ("Sat, 01 Mar 2025 13:00:30 +0100", 30.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOON) == seconds
