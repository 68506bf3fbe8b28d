"""Whose a period is, which course it belongs to, and what part of it is over: of the rule written once more, the part
below the steps (`reference`), day by day.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from ledger_pipelines.months import month_of

Row = dict[str, Any]
ONE_DAY = timedelta(days=1)


def is_same_person(client: Row, other: Row) -> bool:
    if client["user_id"] is not None and client["user_id"] == other["user_id"]:
        return True
    return bool(_emails(client["email"]) & _emails(other["email"]))


def _emails(text: str | None) -> set[str]:
    return {one.strip().casefold() for one in (text or "").split(";") if "@" in one}


def clients_of(period: Row, clients: list[Row]) -> list[Row]:
    by_user = [one for one in clients if one["user_id"] is not None and one["user_id"] == period["user_id"]]
    return by_user or [one for one in clients if _emails(one["email"]) & _emails(period["email"])]


def with_drop_date(period: Row, page: Row | None, periods: list[Row]) -> Row:
    """Where Notion's Drop Date is earlier than the change date, and means this period, it is that."""
    dropped = page["drop_date"] if page else None
    changed = period["status_change_date"]
    if dropped is None or period["status"] == "ACTIVE" or (changed is not None and changed <= dropped):
        return period
    at = periods.index(period)
    if at > 0 and period["start_date"] > dropped:
        return period
    follows = at + 1 < len(periods) and periods[at + 1]["start_date"] <= dropped
    if period["end_date"] < dropped and follows:
        return period
    return {**period, "status_change_date": dropped}


def courses_of(periods: list[Row], service: Row) -> list[list[Row]]:
    """Each period belongs to the course before it, unless that was over before it starts."""
    courses: list[list[Row]] = []
    for period in periods:
        if courses and not _is_over(courses[-1], service, period["start_date"]):
            courses[-1].append(period)
        else:
            courses.append([period])
    return courses


def _is_over(course: list[Row], service: Row, by: date) -> bool:
    """Before this day: all is delivered, or the deciding period is dropped or ended."""
    last = deciding(course)
    if last["status"] == "DROPPED" and last["status_change_date"] is not None:
        if last["status_change_date"] < by:
            return True
    elif last["status"] == "ENDED" and (last["status_change_date"] or last["end_date"]) < by:
        return True
    stops = [stop_of(one) for one in course if stop_of(one) >= one["start_date"]]
    return bool(stops) and max(stops) < by and fraction(course, service, date.max) == 1


def contracts_made(courses: list[list[Row]], documents: list[Row]) -> list[tuple[list[Row], list[Row]]]:
    """The contracts that documents and courses make: each one's documents and periods."""
    if not courses:
        return [(documents, [])]
    by_id = {row["document_id"]: row for row in documents if row["document_id"]}
    of: list[list[Row]] = [[] for _ in courses]
    for row in documents:
        of[_course_of(by_id.get(row["made_from"], row), courses)].append(row)
    invoiced = [any(row["amount"] > 0 for row in rows) for rows in of]
    made: list[tuple[list[Row], list[Row]]] = []
    for rows, course, has_invoice in zip(of, courses, invoiced, strict=True):
        # The first contract begins with the first course, and each invoiced one after it begins the next.
        if not made or (has_invoice and any(invoiced[: courses.index(course)])):
            made.append((list(rows), list(course)))
        else:
            made[-1][0].extend(rows)
            made[-1][1].extend(course)
    return made


def _course_of(document: Row, courses: list[list[Row]]) -> int:
    until = document["contract_date"] + timedelta(days=60)
    started = [number for number, course in enumerate(courses) if course[0]["start_date"] <= until]
    return started[-1] if started else 0


def words_of(text: str | None) -> list[str]:
    return "".join(sign if sign.isalnum() else " " for sign in (text or "").casefold()).split()


def service_of(period: Row, competing: Iterable[str], services: dict[str, Row]) -> str | None:
    competing = list(competing)
    if len(competing) == 1:
        return competing[0]
    programs = [
        words for words in (words_of(period["program_name"]), words_of(period["program_slug"])) if words
    ]
    names = {one: words_of(services.get(one, {}).get("name") or one) for one in competing}
    equal = [one for one, name in names.items() if name in programs]
    holding = [one for one, name in names.items() if any(_contains(name, program) for program in programs)]
    for found in (equal, holding):
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _contains(name: list[str], part: list[str]) -> bool:
    return any(name[at : at + len(part)] == part for at in range(len(name)))


def page_of(client: Row | None, pages: list[Row]) -> Row | None:
    mine = [page for page in pages if client and _emails(client["email"]) & _emails(page["email"])]
    return max(mine, key=lambda page: (page["last_edited_at"], page["page_id"])) if mine else None


# The fraction


def stop_of(period: Row) -> date:
    """The last day on which a period delivers something."""
    end: date = period["end_date"]
    if period["status"] == "ACTIVE" or period["status_change_date"] is None:
        return end
    return min(end, period["status_change_date"])


def deciding(periods: list[Row]) -> Row:
    """The period that stops last."""
    return max(periods, key=lambda one: (stop_of(one), one["start_date"], one["id"]))


def own_days(periods: list[Row]) -> list[list[date]]:
    """Of each period the days that no earlier one has served, to its end."""
    served: set[date] = set()
    own = []
    for period in periods:
        own.append([one for one in _days(period["start_date"], period["end_date"]) if one not in served])
        served |= set(_days(period["start_date"], stop_of(period)))
    return own


def _days(first: date, last: date) -> list[date]:
    return [first + ONE_DAY * index for index in range((last - first).days + 1)]


def fraction(periods: list[Row], service: Row, by: date) -> Fraction:
    """By the service's method."""
    return {"sessions": _by_sessions, "days": _by_days, "even_months": _by_months}[service["method"]](
        periods, service, by
    )


def whole_number(value: Fraction) -> int:
    """Half-up."""
    return int((value + Fraction(1, 2)).__floor__())


def _served(days: list[date], period: Row, by: date) -> int:
    return sum(1 for one in days if one <= min(by, stop_of(period)))


def _by_sessions(periods: list[Row], service: Row, by: date) -> Fraction:
    total, gone, delivered = service["sessions"], 0, 0
    for period, days in zip(periods, own_days(periods), strict=True):
        if not days:
            continue
        planned = min(whole_number(Fraction(len(days), 7) * service["per_week"]), total - gone)
        delivered += whole_number(Fraction(planned * _served(days, period, by), len(days)))
        gone += whole_number(Fraction(planned * _served(days, period, date.max), len(days)))
    return Fraction(delivered, total)


def _by_days(periods: list[Row], service: Row, by: date) -> Fraction:
    """Those that share stand together up to and with the next that was stopped."""
    left, delivered = Fraction(1), Fraction(0)
    sharing: list[tuple[Row, list[date]]] = []
    parts = [(period, days) for period, days in zip(periods, own_days(periods), strict=True) if days]
    parts = [
        (period, days)
        for period, days in parts
        if stop_of(period) == period["end_date"] or _served(days, period, date.max)
    ]
    for place, (period, days) in enumerate(parts):
        sharing.append((period, days))
        is_stopped = stop_of(period) < period["end_date"]
        if not is_stopped and place < len(parts) - 1:
            continue
        total = sum(len(one) for _, one in sharing)
        delivered += sum((left * Fraction(_served(one, who, by), total) for who, one in sharing), Fraction(0))
        left = left * Fraction(len(days) - _served(days, period, date.max), total)
        sharing = []
    return delivered


def _by_months(periods: list[Row], service: Row, by: date) -> Fraction:
    served: set[date] = set()
    touched: set[date] = set()
    for period in periods:
        end = stop_of(period)
        if period is deciding(periods):
            touched |= _months(period["start_date"], period["end_date"])
        touched |= _months(period["start_date"], end)
        served |= _months(period["start_date"], min(end, by))
    return Fraction(len(served), len(touched)) if touched else Fraction(0)


def _months(first: date, last: date) -> set[date]:
    return {month_of(one) for one in _days(first, last)}
