"""The rate limits count as the real ones: by the minute from the first request, or by the second on average."""

from __future__ import annotations

from ledger_pipelines.sandbox.limits import Allowance, RateLimit


def test_a_minute_after_the_first_request_the_count_starts_again() -> None:
    now = [1_000.0]
    limit = RateLimit(2, clock=lambda: now[0])

    assert [limit.allows("assets", "here") for _ in range(3)] == [True, True, False]
    now[0] += 59.9
    assert not limit.allows("assets", "here")
    now[0] += 0.1
    assert [limit.allows("assets", "here") for _ in range(3)] == [True, True, False]


def test_routes_and_clients_are_counted_apart() -> None:
    limit = RateLimit(1, clock=lambda: 0.0)

    assert limit.allows("assets", "here")
    assert limit.allows("contacts", "here")
    assert limit.allows("assets", "there")
    assert not limit.allows("assets", "here")


def test_no_limit_allows_everything() -> None:
    limit = RateLimit(None)
    assert all(limit.allows("assets", "here") for _ in range(1_000))


def test_who_was_refused_is_told_how_long_the_minute_still_lasts() -> None:
    now = [1_000.0]
    limit = RateLimit(1, clock=lambda: now[0])
    limit.allows("all", "key")

    now[0] += 14.5
    assert not limit.allows("all", "key")
    assert limit.wait("all", "key") == 46
    now[0] += limit.wait("all", "key")
    assert limit.allows("all", "key")


def test_an_average_of_three_a_second_lets_four_come_at_once_and_refills() -> None:
    now = [50.0]
    allowance = Allowance(3, clock=lambda: now[0])

    assert [allowance.allows("token") for _ in range(6)] == [True] * 4 + [False] * 2
    now[0] += 1.0
    assert [allowance.allows("token") for _ in range(4)] == [True] * 3 + [False]
    assert allowance.allows("another")
    now[0] += 3_600
    assert [allowance.allows("token") for _ in range(5)] == [True] * 4 + [False]


def test_no_allowance_allows_everything() -> None:
    allowance = Allowance(None)
    assert all(allowance.allows("token") for _ in range(1_000))
