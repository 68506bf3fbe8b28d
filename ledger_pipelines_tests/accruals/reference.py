"""The accrual rule once more, contract by contract and day by day: slow, plain, and written from the rule's text
alone.

It shares nothing with the package but the names of columns, so that a mistake would have to be made twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ledger_pipelines.accruals.inputs import AccrualInputs
from ledger_pipelines.months import add_months, last_day, month_of, month_range
from ledger_pipelines_tests.accruals.reference_periods import (
    ONE_DAY,
    Row,
    clients_of,
    contracts_made,
    courses_of,
    deciding,
    fraction,
    is_same_person,
    page_of,
    service_of,
    stop_of,
    whole_number,
    with_drop_date,
    words_of,
)

Key = tuple[str, str, str, int]
NOTHING = Decimal("0.00")


@dataclass
class Books:
    """Accruals by month and contract (client, service, currency and number), deferred revenue by month and currency,
    notices as keys with amounts.
    """

    accruals: dict[tuple[date, Key], Row] = field(default_factory=dict)
    deferred: dict[tuple[date, str], tuple[Decimal, ...]] = field(default_factory=dict)
    notices: dict[tuple[Any, ...], Decimal | None] = field(default_factory=dict)


@dataclass
class Contract:
    """One contract as of a month, and everything known of it."""

    key: Key
    day: date
    amount: Decimal
    service: Row
    periods: list[Row]
    page: Row | None
    unassigned: bool
    enrolled: bool
    unread: bool

    @property
    def may_resign(self) -> bool:
        return not (self.unassigned or self.enrolled or self.unread)


@dataclass
class Answer:
    """What the steps say by a day."""

    cumulative: Decimal
    status: str
    state: str
    reason: str
    fraction: Fraction | None
    waits: bool = False
    held: bool = False
    confirmed: bool = False


def reckon(inputs: AccrualInputs, months: Sequence[date]) -> Books:
    """The books of these months."""
    records = {
        name: getattr(inputs, name).to_pylist()
        for name in ("contracts", "services", "clients", "periods", "enrolled", "pages", "booked")
    }
    records["booked"] = [row for row in records["booked"] if row["month"] in inputs.closed_months]
    books = Books()
    known = [*records["contracts"], *records["booked"]]
    if not known:
        return books
    start = min([*(row["month"] for row in known), *months])
    walked = month_range(start, add_months(max(months), 1))
    world = World(records, complete=inputs.crm_is_complete)
    standing = {month: world.contracts_of(month) for month in walked}
    keys = sorted({key for contracts in standing.values() for key in contracts} | set(world.booked))
    for key in keys:
        _reckon_contract(world, key, standing, months, inputs.closed_months, books)
    for month in months:
        _notify_unassigned(world, books, month)
    return books


# Contracts and their periods


class World:
    """The records, and what they come to as of a month."""

    def __init__(self, records: dict[str, list[Row]], *, complete: bool) -> None:
        self.records = records
        self.complete = complete
        self.services = {row["id"]: row for row in records["services"]}
        self.clients = {row["contact_id"]: row for row in records["clients"]}
        self.booked: dict[Key, dict[date, Row]] = {}
        self._assigned: dict[int, Any] = {}
        for row in records["booked"]:
            key = (row["contact_id"], row["service_id"], row["currency"], row["contract_number"])
            self.booked.setdefault(key, {})[row["month"]] = row

    def documents(self, month: date) -> list[Row]:
        return [row for row in self.records["contracts"] if row["month"] <= month]

    def service(self, service_id: str) -> Row:
        service = self.services.get(service_id, {})
        return {
            "sessions": service.get("total_sessions") or 60,
            "per_week": service.get("sessions_per_week") or 3,
            "method": service.get("method") or "sessions",
        }

    def offers(self, contact: str) -> set[str]:
        """The services that a client ever had anything to do with."""
        rows = (*self.records["contracts"], *self.records["booked"])
        return {row["service_id"] for row in rows if row["contact_id"] == contact}

    def assign(self, month: date) -> tuple[dict[tuple[str, str], list[Row]], dict[str, list[int]]]:
        """The periods of each client and service, and those of each client that found none."""
        # The same documents give the same answer.
        key = len(self.documents(month))
        if key not in self._assigned:
            self._assigned[key] = self._assign(month)
        return self._assigned[key]

    def _assign(self, month: date) -> tuple[dict[tuple[str, str], list[Row]], dict[str, list[int]]]:
        taken: dict[tuple[str, str], list[Row]] = {}
        unassigned: dict[str, list[int]] = {}
        for period in self.records["periods"]:
            for client in clients_of(period, self.records["clients"]):
                contact = client["contact_id"]
                offers = self.offers(contact)
                sums: dict[str, Decimal] = {}
                for row in self.documents(month):
                    if row["contact_id"] == contact:
                        sums[row["service_id"]] = sums.get(row["service_id"], NOTHING) + row["amount"]
                rich = {service for service, total in sums.items() if total > 0}
                service = service_of(period, rich or offers, self.services)
                if len(offers) == 1:
                    service = next(iter(offers))
                if service is not None:
                    taken.setdefault((contact, service), []).append(period)
                elif offers:
                    unassigned.setdefault(contact, []).append(period["id"])
        for periods in taken.values():
            periods.sort(key=lambda one: (one["start_date"], one["id"]))
        return taken, unassigned

    def contracts_of(self, month: date) -> dict[Key, Contract]:
        """All contracts as of the month."""
        taken, unassigned = self.assign(month)
        documents = self.documents(month)
        found: dict[Key, Contract] = {}
        for contact, service in {(row["contact_id"], row["service_id"]) for row in documents}:
            mine = [row for row in documents if (row["contact_id"], row["service_id"]) == (contact, service)]
            client = self.clients.get(contact)
            page = page_of(client, self.records["pages"])
            periods = [
                with_drop_date(one, page, taken[contact, service])
                for one in taken.get((contact, service), [])
            ]
            courses = courses_of(periods, self.service(service))
            for number, (rows, course) in enumerate(contracts_made(courses, mine), start=1):
                for currency in {row["currency"] for row in rows}:
                    own = [row for row in rows if row["currency"] == currency]
                    key = (contact, service, currency, number)
                    found[key] = Contract(
                        key,
                        min(
                            row["contract_date"]
                            for row in (*own, *self.booked.get(key, {}).values())
                            if row["month"] <= month
                        ),
                        sum((row["amount"] for row in own), NOTHING),
                        self.service(service),
                        course,
                        page,
                        contact in unassigned,
                        client is not None
                        and any(is_same_person(client, one) for one in self.records["enrolled"]),
                        client is None or not self.complete,
                    )
        return found


# The steps


def three_months_after(day: date) -> date:
    """The same day three months later, or that month's last."""
    month = add_months(month_of(day), 3)
    return min(month + ONE_DAY * (day.day - 1), last_day(month))


def answer(contract: Contract | None, month: date) -> Answer:
    """All steps but the sixth. A contract that the month does not know is one of nothing."""
    amount, by = contract.amount if contract else NOTHING, last_day(month)
    if contract is None or amount < 0 or (amount == 0 and not contract.periods):
        return Answer(amount, "CLOSED", "COMPLETED", "negative", Fraction(1))
    settled = _settled(contract, by) if contract.periods else _without_period(contract, by)
    if settled is not None:
        status, reason = settled
        state = "CANCELED" if status == "CANCELED" else "COMPLETED"
        return Answer(amount, status, state, reason, Fraction(1))
    if not contract.periods:
        return Answer(NOTHING, "ACTIVE", "ACTIVE", "portion", Fraction(0), waits=True)
    delivered = fraction(contract.periods, contract.service, by)
    last = deciding(contract.periods)
    changed = last["status_change_date"]
    state = "PAUSED" if last["status"] == "POSTPONED" and changed is not None and changed <= by else "ACTIVE"
    cumulative = Decimal(whole_number(Fraction(amount) * delivered * 100)).scaleb(-2)
    if delivered == 1:
        return Answer(cumulative, "CLOSED", "COMPLETED", "portion", delivered)
    return Answer(cumulative, "ACTIVE", state, "portion", delivered)


def _settled(contract: Contract, by: date) -> tuple[str, str] | None:
    last = deciding(contract.periods)
    status, changed = last["status"], last["status_change_date"]
    if status == "DROPPED" and changed is not None and changed <= by:
        return "CANCELED", "dropped"
    if status == "ENDED" and (changed or last["end_date"]) <= by:
        return "CLOSED", "ended"
    if status != "POSTPONED" or changed is None:
        return None
    if fraction(contract.periods, contract.service, date.max) == 1:
        return None
    return ("CANCELED", "postponed_limit") if month_of(by) > three_months_after(changed) else None


def notion_of(page: Row) -> tuple[str | None, date | None]:
    """Whether a page says that its client dropped or ended, and the date of that."""
    status = " ".join(words_of(page["educational_status"]))
    when = page["drop_date"] or page["certificated_at"]
    if status in {"dropped", "early dropped", "suspended"}:
        return "dropped", when
    if status in {"graduated", "certificated", "ended", "not completing"}:
        return "ended", when
    return None, None


def _without_period(contract: Contract, by: date) -> tuple[str, str] | None:
    if contract.page is not None:
        meaning, when = notion_of(contract.page)
        if meaning is None or when is None or when > by:
            return None
        return ("CANCELED" if meaning == "dropped" else "CLOSED"), meaning
    if not contract.may_resign or (by - contract.day).days <= 15:
        return None
    return "CANCELED", "resigned"


def bookings_of(world: World, key: Key, closed: Sequence[date]) -> list[date]:
    """The closed months that booked the contract with money."""
    booked = world.booked.get(key, {})
    return [one for one in closed if one in booked and booked[one]["contract_amount"] > 0]


def _is_agreed(
    key: Key, standing: dict[date, dict[Key, Contract]], bookings: Sequence[date], status: str
) -> bool:
    """Whether the rule gives the last of these months today what it booked."""
    return answer(standing[max(bookings)].get(key), max(bookings)).status == status


_FOR = {"CANCELED": {"DROPPED", "POSTPONED"}, "CLOSED": {"ENDED"}}


def with_step_six(
    world: World,
    key: Key,
    standing: dict[date, dict[Key, Contract]],
    closed: list[date],
    month: date,
    now: Answer,
) -> tuple[Answer, str | None]:
    """What closed months booked goes before: the answer, and the status that binds."""
    contract = standing[month].get(key)
    bookings = bookings_of(world, key, closed)
    if not bookings:
        return now, None
    when = max(bookings)
    status = world.booked[key][when]["contract_status"]
    bound = status if status in _FOR else None
    amount = contract.amount if contract else NOTHING
    if contract is None or not contract.periods or bound is None or amount < 0:
        return now, bound
    last = deciding(contract.periods)["status"]
    if last not in _FOR[status]:
        agreed = status in {answer(standing[when].get(key), when).status, now.status}
        return (
            (now, bound)
            if agreed
            else (Answer(NOTHING, status, "PAUSED", "negative", None, held=True), bound)
        )
    if now.reason == "portion":
        reason = {"DROPPED": "dropped", "ENDED": "ended"}.get(last, "postponed_limit")
        state = "CANCELED" if status == "CANCELED" else "COMPLETED"
        return Answer(amount, status, state, reason, Fraction(1), confirmed=True), bound
    return now, bound


def _reckon_contract(
    world: World,
    key: Key,
    standing: dict[date, dict[Key, Contract]],
    months: Sequence[date],
    closed: frozenset[date],
    books: Books,
) -> None:
    before, amount_before, missed, day = NOTHING, NOTHING, False, date.max
    booked = world.booked.get(key, {})
    known_since = min(
        [month for month, contracts in standing.items() if key in contracts] + list(booked), default=date.max
    )
    for month in sorted(standing):
        contract = standing[month].get(key)
        by_rule = answer(contract, month)
        amount = contract.amount if contract else NOTHING
        closed_before = [one for one in standing if one < month and one in closed]
        now, bound = with_step_six(world, key, standing, closed_before, month, by_rule)
        still = now.held or (now.waits and before != 0)
        if still:
            cumulative = max(NOTHING, min(amount, before))
            status, state = now.status, now.state
            if bound and not _is_agreed(key, standing, bookings_of(world, key, closed_before), bound):
                settled = "CANCELED" if bound == "CANCELED" else "COMPLETED"
                status, state = bound, settled if cumulative == amount else "PAUSED"
            now = Answer(cumulative, status, state, "negative", None, now.waits, now.held)
        days = [one["contract_date"] for when, one in booked.items() if when <= month]
        day = min([day, *days, *([contract.day] if contract else [])])
        if month in months and known_since <= month:
            reason = "catch_up" if missed and not still and not now.confirmed else now.reason
            _enter(books, key, contract, month, day, amount - amount_before, before, now, reason)
            _notify(books, key, contract, month, before, now, by_rule, missed=missed)
        amount_before = amount
        if month in closed:
            before += booked[month]["recognised"] if month in booked else NOTHING
            missed = now.cumulative != before
        else:
            before, missed = now.cumulative, False


def _enter(
    books: Books,
    key: Key,
    contract: Contract | None,
    month: date,
    day: date,
    invoiced: Decimal,
    before: Decimal,
    now: Answer,
    reason: str,
) -> None:
    amount = contract.amount if contract else NOTHING
    recognised, pending = now.cumulative - before, amount - now.cumulative
    sums = books.deferred.get((month, key[2]), (NOTHING,) * 4)
    added = (amount - invoiced - before, invoiced, recognised, pending)
    books.deferred[month, key[2]] = tuple(one + other for one, other in zip(sums, added, strict=True))
    if not (invoiced or recognised or pending):
        return
    periods = contract.periods if contract else []
    started = [one for one in periods if one["start_date"] <= last_day(month)]
    shown = (started or periods[:1] or [{"id": None}])[-1]["id"]
    part = None if now.fraction is None else Decimal(whole_number(now.fraction * 10**6)).scaleb(-6)
    books.accruals[month, key] = {
        "contract_date": day,
        "contract_amount": amount,
        "invoiced": invoiced,
        "recognised": recognised,
        "recognised_to_date": now.cumulative,
        "pending": pending,
        "fraction": part,
        "state": now.state,
        "contract_status": now.status,
        "reason": reason if recognised else None,
        "period_id": shown,
    }


# Notices


def _notify(
    books: Books,
    key: Key,
    contract: Contract | None,
    month: date,
    before: Decimal,
    now: Answer,
    by_rule: Answer,
    *,
    missed: bool,
) -> None:
    by = last_day(month)
    amount = contract.amount if contract else NOTHING
    pending, recognised = amount - now.cumulative, now.cumulative - before
    last = deciding(contract.periods) if contract and contract.periods else None

    def notify(kind: str, value: Decimal) -> None:
        books.notices[month, *key, kind, last["id"] if last else 0] = value

    if contract is not None and now.waits and pending and amount > 0:
        late = (by - contract.day).days > 15
        if contract.page is not None:
            meaning, when = notion_of(contract.page)
            if late:
                notify("not_in_crm", pending)
            if meaning and when is None:
                notify("undated_notion_status", pending)
        elif contract.unassigned:
            pass
        elif contract.enrolled:
            notify("unusable_membership", pending)
        elif contract.unread and late:
            notify("crm_not_read", pending)
        else:
            notify("missing_crm_data", pending)
    if now.held:
        notify("not_congruent_status", now.cumulative - by_rule.cumulative)
    if last and last["is_removed"] and pending:
        notify("membership_gone", pending)
    if recognised < 0 and missed and last and amount > 0 and now.fraction is not None:
        notify("change_of_estimate", recognised)
    if contract is not None and pending and _never_released(contract, by, held=now.held):
        notify("stalled", pending)


def _notify_unassigned(world: World, books: Books, month: date) -> None:
    _, unassigned = world.assign(month)
    with_money = {key[0] for (when, key), row in books.accruals.items() if when == month and row["pending"]}
    for contact, periods in unassigned.items():
        if contact in with_money:
            for one in periods:
                books.notices[month, contact, "", "", 0, "unassigned_period", one] = None


def _never_released(contract: Contract, by: date, *, held: bool) -> bool:
    if not contract.periods:
        late = (by - contract.day).days > 15
        page = contract.page
        waits_for_ever = notion_of(page)[1] is None if page is not None else not contract.may_resign
        return late and waits_for_ever and not contract.unread
    if any(stop_of(one) > by for one in contract.periods):
        return False
    if held:
        return True
    last = deciding(contract.periods)
    changed = last["status_change_date"]
    if last["status"] == "ENDED":
        return False
    if last["status"] == "POSTPONED" and changed is not None:
        return fraction(contract.periods, contract.service, date.max) == 1
    return last["status"] == "ACTIVE" or changed is None
