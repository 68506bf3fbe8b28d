"""The accrual rule once more, contract by contract and day by day: slow, plain, and written from the rule's text
alone.

It shares nothing with the package but the names of columns, so that a mistake would have to be made twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ledger_pipelines.accruals.inputs import AccrualInputs
from ledger_pipelines.months import add_months, last_day, month_of, month_range

Row = dict[str, Any]
Key = tuple[str, str, str]
NOTHING = Decimal("0.00")
ONE_DAY = timedelta(days=1)


@dataclass
class Books:
    """Accruals by month and contract, deferred revenue by month and currency, notices as keys with amounts."""

    accruals: dict[tuple[date, Key], Row] = field(default_factory=dict)
    deferred: dict[tuple[date, str], tuple[Decimal, ...]] = field(default_factory=dict)
    notices: dict[tuple[Any, ...], Decimal | None] = field(default_factory=dict)


@dataclass
class Contract:
    """One contract and everything known of it."""

    key: Key
    day: date
    first_month: date
    changes: dict[date, Decimal]
    booked: dict[date, Row]
    service: Row
    periods: list[Row]
    page: Row | None
    unassigned: bool

    def amount(self, month: date) -> Decimal:
        """A at the month's end."""
        return sum((change for when, change in self.changes.items() if when <= month), NOTHING)


@dataclass
class Answer:
    """What the steps say by a day."""

    cumulative: Decimal
    status: str
    state: str
    reason: str
    fraction: Fraction | None
    waits: bool = False


def reckon(inputs: AccrualInputs, months: Sequence[date]) -> Books:
    """The books of these months."""
    books = Books()
    records = {
        name: getattr(inputs, name).to_pylist()
        for name in ("contracts", "services", "clients", "periods", "pages", "booked")
    }
    records["booked"] = [row for row in records["booked"] if row["month"] in inputs.closed_months]
    contracts, unassigned = _contracts(records)
    if not contracts:
        return books
    start = min([*(one.first_month for one in contracts), *inputs.closed_months, *months])
    for contract in contracts:
        _reckon_contract(contract, start, months, inputs.closed_months, books, unassigned)
    return books


# Contracts and their periods


def _contracts(records: dict[str, list[Row]]) -> tuple[list[Contract], dict[str, list[int]]]:
    rows: dict[Key, list[Row]] = {}
    for row in (*records["contracts"], *records["booked"]):
        rows.setdefault((row["contact_id"], row["service_id"], row["currency"]), []).append(row)
    services = {row["id"]: row for row in records["services"]}
    clients = {row["contact_id"]: row for row in records["clients"]}
    taken, unassigned = _assign(rows, services, records)
    contracts = []
    for key, mine in rows.items():
        client = clients.get(key[0])
        service = services.get(key[1], {})
        contracts.append(
            Contract(
                key,
                min(row["contract_date"] for row in mine),
                min(row["month"] for row in mine),
                {row["month"]: row["amount"] for row in mine if "amount" in row},
                {row["month"]: row for row in mine if "recognised" in row},
                {
                    "sessions": service.get("total_sessions") or 60,
                    "per_week": service.get("sessions_per_week") or 3,
                    "method": service.get("method") or "sessions",
                },
                sorted(taken.get(key[:2], []), key=lambda one: (one["start_date"], one["id"])),
                _page(client, records["pages"]),
                key[0] in unassigned or client is None,
            )
        )
    return contracts, unassigned


def _email(text: str | None) -> str | None:
    return (text or "").strip().casefold() or None


def _assign(
    rows: dict[Key, list[Row]], services: dict[str, Row], records: dict[str, list[Row]]
) -> tuple[dict[tuple[str, str], list[Row]], dict[str, list[int]]]:
    taken: dict[tuple[str, str], list[Row]] = {}
    unassigned: dict[str, list[int]] = {}
    for period in records["periods"]:
        clients = records["clients"]
        whose = [one for one in clients if one["user_id"] is not None and one["user_id"] == period["user_id"]]
        if not whose:
            email = _email(period["email"])
            whose = [one for one in clients if email and _email(one["email"]) == email]
        for client in whose:
            contact = client["contact_id"]
            mine = {key[1] for key in rows if key[0] == contact}
            rich = {
                key[1]
                for key, those in rows.items()
                if key[0] == contact and sum(row.get("amount", NOTHING) for row in those) > 0
            }
            service = _service_of(period, rich or mine, services)
            if service is not None:
                taken.setdefault((contact, service), []).append(period)
            elif mine:
                unassigned.setdefault(contact, []).append(period["id"])
    return taken, unassigned


def _words(text: str | None) -> list[str]:
    return "".join(sign if sign.isalnum() else " " for sign in (text or "").casefold()).split()


def _service_of(period: Row, competing: Iterable[str], services: dict[str, Row]) -> str | None:
    competing = list(competing)
    if len(competing) == 1:
        return competing[0]
    programs = [words for words in (_words(period["program_name"]), _words(period["program_slug"])) if words]
    names = {one: _words(services.get(one, {}).get("name") or one) for one in competing}
    equal = [one for one, name in names.items() if name in programs]
    holding = [one for one, name in names.items() if any(_contains(name, program) for program in programs)]
    for found in (equal, holding):
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _contains(name: list[str], part: list[str]) -> bool:
    return any(name[at : at + len(part)] == part for at in range(len(name)))


def _page(client: Row | None, pages: list[Row]) -> Row | None:
    email = _email(client["email"]) if client else None
    mine = [page for page in pages if email and _email(page["email"]) == email]
    return max(mine, key=lambda page: (page["last_edited_at"], page["page_id"])) if mine else None


# The fraction


def stop_of(period: Row) -> date:
    """The last day on which a period delivers something."""
    end: date = period["end_date"]
    if period["status"] != "POSTPONED" or period["status_change_date"] is None:
        return end
    return min(end, period["status_change_date"])


def served_days(period: Row, by: date) -> int:
    """The days of a period on which it has delivered something."""
    return max(0, (min(by, stop_of(period)) - period["start_date"]).days + 1)


def fraction(contract: Contract, by: date) -> Fraction:
    """By the contract's method."""
    return {"sessions": _by_sessions, "days": _by_days, "even_months": _by_months}[
        contract.service["method"]
    ](contract, by)


def _whole(value: Fraction) -> int:
    """Half-up."""
    return int((value + Fraction(1, 2)).__floor__())


def _by_sessions(contract: Contract, by: date) -> Fraction:
    total, gone, delivered = contract.service["sessions"], 0, 0
    for period in contract.periods:
        days = (period["end_date"] - period["start_date"]).days + 1
        planned = min(_whole(Fraction(days, 7) * contract.service["per_week"]), total - gone)
        delivered += _whole(Fraction(planned * served_days(period, by), days))
        gone += _whole(Fraction(planned * served_days(period, date.max), days))
    return Fraction(delivered, total)


def _by_days(contract: Contract, by: date) -> Fraction:
    left, delivered = Fraction(1), Fraction(0)
    for period in contract.periods:
        days = (period["end_date"] - period["start_date"]).days + 1
        delivered += left * Fraction(served_days(period, by), days)
        left -= left * Fraction(served_days(period, date.max), days)
    return delivered


def _by_months(contract: Contract, by: date) -> Fraction:
    served: set[date] = set()
    touched: set[date] = set()
    for period in contract.periods:
        end = stop_of(period)
        if period is contract.periods[-1]:
            touched |= _months(period["start_date"], period["end_date"])
        else:
            touched |= _months(period["start_date"], end)
        served |= _months(period["start_date"], min(end, by))
    return Fraction(len(served), len(touched)) if touched else Fraction(0)


def _months(first: date, last: date) -> set[date]:
    days = (first + ONE_DAY * index for index in range((last - first).days + 1))
    return {month_of(one) for one in days}


# The steps


def three_months_after(day: date) -> date:
    """The same day three months later, or that month's last."""
    month = add_months(month_of(day), 3)
    return min(month + ONE_DAY * (day.day - 1), last_day(month))


def answer(contract: Contract, month: date) -> Answer:
    """All steps but the sixth."""
    amount, by = contract.amount(month), last_day(month)
    if amount < 0 or (amount == 0 and not contract.periods):
        return Answer(amount, "CLOSED", "COMPLETED", "negative", Fraction(1))
    settled = _settled(contract, by) if contract.periods else _without_period(contract, by)
    if settled is not None:
        status, reason = settled
        state = "CANCELED" if status == "CANCELED" else "COMPLETED"
        return Answer(amount, status, state, reason, Fraction(1))
    if not contract.periods:
        return Answer(NOTHING, "ACTIVE", "ACTIVE", "portion", Fraction(0), waits=True)
    delivered = fraction(contract, by)
    last = contract.periods[-1]
    changed = last["status_change_date"]
    state = "PAUSED" if last["status"] == "POSTPONED" and changed is not None and changed <= by else "ACTIVE"
    exact = Fraction(amount) * delivered
    cumulative = Decimal(_whole(exact * 100)).scaleb(-2)
    if delivered == 1:
        return Answer(cumulative, "CLOSED", "COMPLETED", "portion", delivered)
    return Answer(cumulative, "ACTIVE", state, "portion", delivered)


def _settled(contract: Contract, by: date) -> tuple[str, str] | None:
    last = contract.periods[-1]
    status, changed = last["status"], last["status_change_date"]
    if status == "DROPPED" and changed is not None and changed <= by:
        return "CANCELED", "dropped"
    if status == "ENDED" and (changed or last["end_date"]) <= by:
        return "CLOSED", "ended"
    if status != "POSTPONED" or changed is None or fraction(contract, date.max) == 1:
        return None
    return ("CANCELED", "postponed_limit") if month_of(by) > three_months_after(changed) else None


def notion_of(page: Row) -> tuple[str | None, date | None]:
    """Whether a page says that its client dropped or ended, and the date of that."""
    status = " ".join(_words(page["educational_status"]))
    if status in {"dropped", "suspended"}:
        return "dropped", page["drop_date"]
    if status in {"graduated", "certificated", "ended", "not completing"}:
        return "ended", page["certificated_at"]
    return None, None


def _without_period(contract: Contract, by: date) -> tuple[str, str] | None:
    if contract.page is not None:
        meaning, when = notion_of(contract.page)
        if meaning is None or when is None or when > by:
            return None
        return ("CANCELED" if meaning == "dropped" else "CLOSED"), meaning
    if contract.unassigned or (by - contract.day).days <= 15:
        return None
    return "CANCELED", "resigned"


def contradicts(contract: Contract, before: Iterable[date], now: Answer) -> str | None:
    """Step 6: the status that a closed month booked and the last period contradicts."""
    bookings = [month for month in before if month in contract.booked]
    bookings = [month for month in bookings if contract.booked[month]["contract_amount"] > 0]
    if not bookings or not contract.periods:
        return None
    month = max(bookings)
    status = contract.booked[month]["contract_status"]
    last = contract.periods[-1]["status"]
    against = {"CANCELED": {"ACTIVE", "ENDED"}, "CLOSED": {"ACTIVE", "POSTPONED", "DROPPED"}}
    if last not in against.get(status, set()) or status in {answer(contract, month).status, now.status}:
        return None
    return str(status)


def _reckon_contract(
    contract: Contract,
    start: date,
    months: Sequence[date],
    closed: frozenset[date],
    books: Books,
    unassigned: dict[str, list[int]],
) -> None:
    before, missed = NOTHING, False
    walked = month_range(start, add_months(max(months), 1))
    for month in walked:
        now = by_rule = answer(contract, month)
        amount = contract.amount(month)
        closed_before = [one for one in walked if one < month and one in closed]
        held = contradicts(contract, closed_before, now) if amount >= 0 else None
        if held:
            cumulative = max(NOTHING, min(amount, before))
            settled = "CANCELED" if held == "CANCELED" else "COMPLETED"
            now = Answer(cumulative, held, settled if cumulative == amount else "PAUSED", "negative", None)
        if month in months:
            reason = "catch_up" if missed and not held else now.reason
            _enter(books, contract, month, before, now, reason)
            _notify(books, contract, month, now, by_rule, unassigned)
        if month in closed:
            before += contract.booked[month]["recognised"] if month in contract.booked else NOTHING
            missed = now.cumulative != before
        else:
            before, missed = now.cumulative, False


def _enter(books: Books, contract: Contract, month: date, before: Decimal, now: Answer, reason: str) -> None:
    amount = contract.amount(month)
    invoiced = contract.changes.get(month, NOTHING)
    recognised, pending = now.cumulative - before, amount - now.cumulative
    if contract.first_month <= month:
        opening = amount - invoiced - before
        sums = books.deferred.get((month, contract.key[2]), (NOTHING,) * 4)
        added = (opening, invoiced, recognised, pending)
        books.deferred[month, contract.key[2]] = tuple(
            one + other for one, other in zip(sums, added, strict=True)
        )
    if not (invoiced or recognised or pending):
        return
    started = [one for one in contract.periods if one["start_date"] <= last_day(month)]
    shown = (started or contract.periods[:1] or [{"id": None}])[-1]["id"]
    part = None if now.fraction is None else Decimal(_whole(now.fraction * 10**6)).scaleb(-6)
    books.accruals[month, contract.key] = {
        "contract_date": contract.day,
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
    contract: Contract,
    month: date,
    now: Answer,
    by_rule: Answer,
    unassigned: dict[str, list[int]],
) -> None:
    amount, by = contract.amount(month), last_day(month)
    pending = amount - now.cumulative
    period = contract.periods[-1]["id"] if contract.periods else 0
    late = (by - contract.day).days > 15

    def notify(kind: str, value: Decimal) -> None:
        books.notices[month, *contract.key, kind, period] = value

    if now.waits:
        if contract.page is not None:
            meaning, when = notion_of(contract.page)
            if late:
                notify("not_in_crm", pending)
            if meaning and when is None:
                notify("undated_notion_status", pending)
        elif not contract.unassigned:
            notify("missing_crm_data", pending)
    if now.fraction is None:
        notify("not_congruent_status", now.cumulative - by_rule.cumulative)
    if pending and _never_released(contract, by, held=now.fraction is None):
        notify("stalled", pending)
    if pending:
        for one in unassigned.get(contract.key[0], []):
            books.notices[month, contract.key[0], "", "", "unassigned_period", one] = None


def _runs_on(period: Row, by: date) -> bool:
    changed = period["status_change_date"]
    is_over = period["status"] != "ACTIVE" and changed is not None and changed <= by
    return bool(period["end_date"] > by and not is_over)


def _never_released(contract: Contract, by: date, *, held: bool) -> bool:
    if not contract.periods:
        late = (by - contract.day).days > 15
        return late and (
            contract.unassigned if contract.page is None else notion_of(contract.page)[1] is None
        )
    if any(_runs_on(one, by) for one in contract.periods):
        return False
    if held:
        return True
    last = contract.periods[-1]
    changed = last["status_change_date"]
    if last["status"] == "ENDED":
        return False
    if last["status"] == "POSTPONED" and changed is not None:
        return fraction(contract, date.max) == 1
    return last["status"] == "ACTIVE" or changed is None
