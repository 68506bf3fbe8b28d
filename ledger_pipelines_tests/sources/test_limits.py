"""Requests a minute, and calls at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger_pipelines.sources.freshservice.limits import PlanLimit
from ledger_pipelines.sources.http.limits import RateLimit, RouteLimits, run_concurrently
from ledger_pipelines_tests.sources.conftest import FakeTime


def test_requests_within_the_limit_do_not_wait(fake_time: FakeTime) -> None:
    limit = RateLimit(400, fake_time.clock)
    for _ in range(400):
        limit.wait()
    assert fake_time.slept == []


def test_no_minute_has_more_requests_than_the_limit(fake_time: FakeTime) -> None:
    limit = RateLimit(10, fake_time.clock)
    times = []
    for number in range(55):
        limit.wait()
        times.append(fake_time.clock.monotonic())
        if number % 7 == 0:
            fake_time.sleep(3.3)
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[10:], strict=False))
    assert times[-1] < 6 * 61


def test_no_second_has_more_requests_than_the_limit_of_a_second(fake_time: FakeTime) -> None:
    limit = RateLimit(3, fake_time.clock, seconds=1.1)
    times = []
    for _ in range(20):
        limit.wait()
        times.append(fake_time.clock.monotonic())
    assert all(later - earlier >= 1.1 for earlier, later in zip(times, times[3:], strict=False))
    assert times[-1] < 6 * 1.2


def test_no_hour_has_more_requests_than_the_limit_of_an_hour(fake_time: FakeTime) -> None:
    limit = RateLimit(10, fake_time.clock, per_hour=25)
    times = []
    for _ in range(60):
        limit.wait()
        times.append(fake_time.clock.monotonic())
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[10:], strict=False))
    assert all(later - earlier >= 3_600 for earlier, later in zip(times, times[25:], strict=False))
    assert times[-1] < 2.1 * 3_600


@pytest.mark.parametrize(("total", "allowed"), [("200", 180), ("20", 18)])
def test_what_went_out_counts_when_the_plan_says_another_limit(
    fake_time: FakeTime, total: str, allowed: int
) -> None:
    """Freshservice says its plan's limit with each answer: 90 % of it, the requests before among them."""
    limit = PlanLimit(fake_time.clock)
    times = []
    for number in range(200):
        limit.wait()
        times.append(fake_time.clock.monotonic())
        if number == 9:
            limit.learn({"X-Ratelimit-Total": total})
    most = max(sum(1 for one in times if begin <= one < begin + 60) for begin in times)
    assert most == allowed


def test_the_limit_holds_for_several_threads(fake_time: FakeTime) -> None:
    limit = RateLimit(10, fake_time.clock)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: limit.wait(), range(30)))
    assert fake_time.clock.monotonic() >= 120


def test_each_route_has_its_own_limit(fake_time: FakeTime) -> None:
    limits = RouteLimits(5, fake_time.clock)
    for route in ("/assets", "/contacts", "/tickets"):
        for _ in range(5):
            limits.wait(route)
    assert fake_time.slept == []
    limits.wait("/assets")
    assert sum(fake_time.slept) == pytest.approx(60, abs=0.1)


def test_results_come_in_the_order_of_the_calls() -> None:
    second_ran = threading.Event()

    def first() -> int:
        assert second_ran.wait(10)
        return 1

    def second() -> int:
        second_ran.set()
        return 2

    assert list(run_concurrently([first, second], 2)) == [1, 2]


def test_a_call_that_raises_ends_the_others() -> None:
    ran = []

    def call(number: int) -> Callable[[], int]:
        def run() -> int:
            if number == 3:
                raise ValueError("the fourth")
            ran.append(number)
            return number

        return run

    with pytest.raises(ValueError, match="the fourth"):
        list(run_concurrently([call(number) for number in range(1000)], 1))
    assert len(ran) < 1000
