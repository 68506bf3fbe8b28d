"""Billing inputs as hypothesis draws them: few companies, few months, every kind of record and odd ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from ledger_pipelines.billing.inputs import PREPAID, RATES, BillingInputs
from ledger_pipelines_tests.billing.building import TERABYTE, make_inputs

ACCOUNTS = ("A1", "A2", "B 3")
#: Over a year's end, so that the yearly allowance starts anew; the first ones may be closed.
MONTHS = tuple(
    date(year, month, 1) for year, month in ((2024, 11), (2024, 12), (2025, 1), (2025, 2), (2025, 3))
)

#: How many cases are billed in one call (`drawn_together`).
TOGETHER = 4

_rates = st.decimals("0", "250", places=4) | st.sampled_from(
    [Decimal(0), Decimal("0.005"), Decimal("12.345")]
)
_costs = st.none() | st.decimals("-20", "99", places=4)
_hours = st.sampled_from([Decimal(text) for text in ("0", "0.25", "1.5", "0.916666666666666630", "7", "40")])
_booked = st.sampled_from([Decimal(text) for text in ("0", "0.5", "1.166666666666666667", "6")])
_TERMS = ("1 Year", "2 Year", "3 Year", "Month to Month")
_plan_names = st.sampled_from(["Gold", "Gold", "Gold", "Silver", "Legacy", "INACTIVE", None])
_terms = st.sampled_from(["1 Year", "1-Year", "2 year", "3 Year", "Month to Month", "", "  ", None])
_bytes = st.sampled_from([0, 1, TERABYTE // 2, TERABYTE, 3 * TERABYTE // 2]) | st.integers(0, 5 * TERABYTE)
_written = st.decimals("0", "4", places=2)
#: Bytes alone, TB with the bytes that were cut from a float of them, and two that are at odds.
_backups = (
    st.tuples(st.none(), _bytes)
    | _written.map(lambda written: (written, int(float(written) * TERABYTE)))
    | st.tuples(_written, st.just(7 * TERABYTE))
)
_from_month = st.none() | st.sampled_from(MONTHS)
_beginnings = st.sets(_from_month, min_size=1, max_size=2)
_days = st.none() | st.dates(date(2020, 1, 1), date(2026, 12, 31)) | st.just(date(2024, 2, 29))
_account = st.sampled_from(ACCOUNTS)


@dataclass(frozen=True)
class Drawn:
    """Inputs of `months`, and the records that they were made of."""

    inputs: BillingInputs
    months: Sequence[date]
    records: dict[str, list[dict[str, Any]]]
    closed: frozenset[date]

    def with_records(self, **changed: list[dict[str, Any]]) -> BillingInputs:
        """The inputs with other records of some kinds."""
        return make_inputs(closed_months=self.closed, **{**self.records, **changed})


def drawn_together(
    cases: Callable[..., st.SearchStrategy[Drawn]], *, least_closed: int = 0
) -> st.SearchStrategy[Drawn]:
    """Several cases of one kind in one, each with companies, plans and ids of its own: one call of the rule bills
    them all, which costs little more than one of them. They share their months and which are closed.
    """
    some = MONTHS[:4] if least_closed else MONTHS
    closed = st.frozensets(st.sampled_from(some), min_size=least_closed, max_size=3 + bool(least_closed))
    months = st.sets(st.sampled_from(MONTHS[1:]), min_size=1, max_size=3).map(sorted)
    return st.tuples(months, closed).flatmap(
        lambda both: st.lists(cases(*both), min_size=TOGETHER, max_size=TOGETHER).map(_merged)
    )


def _merged(cases: Sequence[Drawn]) -> Drawn:
    records: dict[str, list[dict[str, Any]]] = {}
    for number, case in enumerate(cases):
        for name, rows in case.records.items():
            merged = records.setdefault(name, [])
            renamed = (_of_case(number, row) for row in rows)
            # A plan without a name is every case's.
            merged += [row for row in renamed if name != "plans" or "plan_name" in row or row not in merged]
    closed = cases[0].closed
    return Drawn(make_inputs(closed_months=closed, **records), cases[0].months, records, closed)


def _of_case(number: int, row: dict[str, Any]) -> dict[str, Any]:
    def renamed(name: str, value: Any) -> Any:
        if name == "account_number":
            return f"{number}-{value}"
        if name in ("plan_name", "billing_plan") and value not in (None, "INACTIVE"):
            return f"{value} {number}"
        return value + 100 * number if name in ("id", "asset_id", "user_id") else value

    return {name: renamed(name, value) for name, value in row.items()}


@st.composite
def drawn_inputs(
    draw: st.DrawFn, months: Sequence[date] | None = None, closed: frozenset[date] | None = None
) -> Drawn:
    """Inputs with keys that are unique, as the tables promise; otherwise anything goes."""
    if months is None:
        months = sorted(draw(st.sets(st.sampled_from(MONTHS[1:]), min_size=1, max_size=3)))
    if closed is None:
        closed = frozenset(draw(st.sets(st.sampled_from(MONTHS), max_size=3)))
    records = {
        "companies": [company for month in months for company in draw(_companies(month))],
        "plans": [plan for month in months for plan in draw(_codex_plans(month))],
        "billing_plans": [
            {"billing_plan": name, "term_length": term, "from_month": begins, **draw(_rate_card())}
            for (name, term), begins in draw(_begun(_plan_keys(["Gold", "Legacy"])))
        ],
        "client_billing_overrides": [
            {**draw(_client_override(account)), "from_month": begins}
            for account, begins in draw(_begun(st.lists(_account, unique=True)))
        ],
        **_assets_and_users(draw, months),
        "tickets": draw(_tickets(MONTHS, closed)),
        "booked_ticket_hours": draw(_booked_hours(closed)),
        "booked_statements": draw(_booked_statements(closed)),
        "custom_line_items": draw(st.lists(_line_item(), min_size=1, max_size=5)),
    }
    return Drawn(make_inputs(closed_months=closed, **records), months, records, closed)


@st.composite
def drawn_hours(
    draw: st.DrawFn, _: Sequence[date] | None = None, closed: frozenset[date] | None = None
) -> Drawn:
    """Two companies with nothing but tickets, many of which are of closed months or were billed by them."""
    months = [*MONTHS[3:]]
    if closed is None:
        closed = frozenset(draw(st.sets(st.sampled_from(MONTHS[:4]), min_size=1)))
    prepaid = st.sampled_from([None, Decimal("1.3333"), Decimal(4), Decimal(10)])
    records: dict[str, list[dict[str, Any]]] = {
        "companies": [
            {"month": month, "account_number": account} for month in months for account in ACCOUNTS[:2]
        ],
        "plans": [{"month": month} for month in months],
        "client_billing_overrides": [
            {"account_number": "A1"}
            | {name: draw(prepaid) for name in PREPAID}
            | {f"{name}_enabled": True for name in PREPAID}
        ],
        "tickets": draw(_tickets(months, closed)) + draw(_tickets(MONTHS[:3], closed)),
        "booked_ticket_hours": draw(_booked_hours(closed)),
        "booked_statements": draw(_booked_statements(closed)),
    }
    return Drawn(make_inputs(closed_months=closed, **records), months, records, closed)


@st.composite
def _begun(draw: st.DrawFn, things: st.SearchStrategy[list[Any]]) -> list[tuple[Any, date | None]]:
    """Each thing with the months from which its rows hold: one row for each, in any order."""
    rows = [(thing, begins) for thing in draw(things) for begins in sorted(draw(_beginnings), key=str)]
    return draw(st.permutations(rows))


@st.composite
def _codex_plans(draw: st.DrawFn, month: date) -> list[dict[str, Any]]:
    """Gold in every term, Silver in some."""
    keys = [("Gold", term) for term in _TERMS] + [
        ("Silver", term) for term in sorted(draw(st.sets(st.sampled_from(_TERMS))))
    ]
    gold, silver = draw(_rate_card()), draw(_rate_card())
    return [
        {"month": month, "plan_name": name, "term_length": term, **(gold if name == "Gold" else silver)}
        for name, term in keys
    ]


def _plan_keys(names: list[str]) -> st.SearchStrategy[list[tuple[str, str]]]:
    return st.lists(st.tuples(st.sampled_from(names), st.sampled_from(_TERMS)), unique=True, max_size=3)


def _rate_card() -> st.SearchStrategy[dict[str, Decimal]]:
    return st.fixed_dictionaries(dict.fromkeys(RATES, _rates))


def _companies(month: date) -> st.SearchStrategy[list[dict[str, Any]]]:
    company = st.fixed_dictionaries(
        {
            "month": st.just(month),
            "account_number": _account,
            "billing_plan": _plan_names,
            "contract_term_length": _terms,
            "contract_start_date": _days,
            "contract_end_date": _days,
        }
    )
    return st.lists(company, unique_by=lambda one: one["account_number"], min_size=1, max_size=3)


@st.composite
def _client_override(draw: st.DrawFn, account: str) -> dict[str, Any]:
    names = draw(st.sets(st.sampled_from((*RATES, *PREPAID)), max_size=6))
    record: dict[str, Any] = {"account_number": account, "billing_plan": draw(_plan_names)}
    record["billing_plan_enabled"] = draw(st.booleans())
    for name in sorted(names):
        record[name] = draw(st.none() | _rates)
        record[f"{name}_enabled"] = draw(st.booleans())
    return record


def _assets_and_users(draw: st.DrawFn, months: Sequence[date]) -> dict[str, list[dict[str, Any]]]:
    types = ["Workstation", "server", "VM", "Switch", "FIREWALL", "Custom", "No Charge", "Toaster"]
    billing_type, payment = st.sampled_from(types), st.sampled_from(["Paid", "free", "Custom", "Barter"])
    device = st.fixed_dictionaries(
        {
            "month": st.sampled_from(months),
            "account_number": _account,
            "id": st.integers(1, 12),
            "hardware_type": st.sampled_from(
                [None, "Desktop", "Server", "ESXi Host", "Network Device", "SERVER"]
            ),
            "device_type": st.sampled_from(
                [None, "Virtual Server", "server vm", "Managed switch", "FireWall"]
            ),
            "billing_type": st.none() | st.none() | billing_type,
            "backup": _backups,
        }
    )
    contact = st.fixed_dictionaries(
        {
            "month": st.sampled_from(months),
            "account_number": _account,
            "id": st.integers(1, 8),
            "active": st.booleans(),
        }
    )
    both = {"account_number": _account, "custom_cost": _costs, "from_month": _from_month}
    return {
        "assets": draw(
            st.lists(
                device.map(_with_backup),
                unique_by=lambda one: (one["month"], one["id"]),
                min_size=2,
                max_size=12,
            )
        ),
        "contacts": draw(
            st.lists(
                contact, unique_by=lambda one: (one["month"], one["account_number"], one["id"]), max_size=8
            )
        ),
        "asset_billing_overrides": [
            {
                "asset_id": number,
                "billing_type": draw(st.none() | billing_type),
                "custom_cost": draw(_costs),
                "from_month": begins,
            }
            for number, begins in draw(_begun(st.lists(st.integers(1, 12), unique=True, max_size=4)))
        ],
        "user_billing_overrides": [
            {
                "user_id": number,
                "payment_type": draw(st.none() | payment),
                "custom_cost": draw(_costs),
                "from_month": begins,
            }
            for number, begins in draw(_begun(st.lists(st.integers(1, 8), unique=True, max_size=4)))
        ],
        "manual_assets": draw(
            st.lists(st.fixed_dictionaries({**both, "billing_type": billing_type}), max_size=3)
        ),
        "manual_users": draw(st.lists(st.fixed_dictionaries({**both, "payment_type": payment}), max_size=3)),
    }


def _with_backup(device: dict[str, Any]) -> dict[str, Any]:
    written, stored = device["backup"]
    rest = {name: value for name, value in device.items() if name != "backup"}
    return {**rest, "backup_usage_tb": written, "backup_data_bytes": stored}


_identity: dict[str, st.SearchStrategy[Any]] = {
    "ticket_id": st.sampled_from([None, 1, 1, 1, 2]),
    "created_at": st.sampled_from([None, datetime(2024, 6, 1, tzinfo=UTC)])
    | st.sampled_from([datetime(month.year, month.month, 1, tzinfo=UTC) for month in MONTHS[1:]]),
}


@st.composite
def _tickets(draw: st.DrawFn, months: Sequence[date], closed: frozenset[date]) -> list[dict[str, Any]]:
    """Tickets of their own month, and some of a closed month before."""
    ticket = st.fixed_dictionaries(
        {
            "month": st.sampled_from(months),
            "account_number": _account,
            "ticket_number": st.sampled_from([f"T{number}" for number in range(1, 7)]),
            "total_hours_spent": _hours,
            **_identity,
        }
    )
    tickets = draw(st.lists(ticket, unique_by=_ticket_key, min_size=2, max_size=14))
    for one in tickets:
        earlier = [month for month in sorted(closed) if month < one["month"]]
        if earlier and draw(st.booleans()):
            own = draw(st.sampled_from(earlier))
            one["last_updated_at"] = datetime(own.year, own.month, 28, 23, 59, 59, tzinfo=UTC)
    return tickets


def _ticket_key(one: dict[str, Any]) -> tuple[Any, ...]:
    return one["month"], one["account_number"], one["ticket_number"]


@st.composite
def _booked_hours(draw: st.DrawFn, closed: frozenset[date]) -> list[dict[str, Any]]:
    if not closed:
        return []
    booked = st.fixed_dictionaries(
        {
            "month": st.sampled_from(sorted(closed)),
            "account_number": _account,
            "ticket_number": st.sampled_from([f"T{number}" for number in range(1, 7)]),
            "hours": _booked,
            **_identity,
        }
    )
    rows = draw(st.lists(booked, unique_by=_ticket_key, min_size=1, max_size=10))
    for row in rows:
        earlier = [month for month in sorted(closed) if month < row["month"]]
        if earlier and draw(st.booleans()):
            row["ticket_month"] = draw(st.sampled_from(earlier))
    return rows


@st.composite
def _booked_statements(draw: st.DrawFn, closed: frozenset[date]) -> list[dict[str, Any]]:
    """Statements of most closed months."""
    hours = st.sampled_from([Decimal(text) for text in ("0", "1.5", "6", "0.916666666666666667")])
    prepaid = st.sampled_from([Decimal(text) for text in ("0", "0", "4", "1.3333", "10")])
    return [
        {
            "month": month,
            "account_number": account,
            "hours_used": draw(hours),
            "hours_earlier_in_year": draw(hours),
            "per_hour_ticket_cost": draw(_rates),
            "prepaid_hours_monthly": draw(prepaid),
            "prepaid_hours_yearly": draw(prepaid),
        }
        for month in sorted(closed)
        for account in ACCOUNTS
        if draw(st.integers(0, 3))
    ]


@st.composite
def _line_item(draw: st.DrawFn) -> dict[str, Any]:
    fee = draw(st.decimals("-50", "500", places=4))
    item: dict[str, Any] = {
        "account_number": draw(_account),
        "name": draw(st.sampled_from(["Hosting", "Audit"])),
        "from_month": draw(_from_month),
    }
    kind = draw(st.sampled_from(["monthly_fee", "one_off_fee", "yearly_fee"]))
    item[kind] = fee
    if kind == "one_off_fee":
        item |= {
            "from_month": None,
            "one_off_year": draw(st.sampled_from([2024, 2025])),
            "one_off_month": draw(st.integers(1, 12)),
        }
    if kind == "yearly_fee":
        item["yearly_month"] = draw(st.integers(1, 12))
    return item
