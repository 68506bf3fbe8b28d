"""The rate limit counts as the real one: a minute from the first request, for each route and client."""

from __future__ import annotations

from ledger_pipelines.sandbox.limits import RateLimit


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
