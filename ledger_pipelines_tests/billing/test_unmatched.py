"""Edits that match nobody, and charges that no month bills, each with its money."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.billing.unmatched import charges_never_billed, edits_that_match_nobody
from ledger_pipelines_tests.billing.building import MARCH, enabled, make_frame, make_inputs

APRIL = date(2025, 4, 1)
GONE = {"account_number": "gone"}


def _unmatched(**records: Any) -> list[tuple[str, str | None, str, Decimal | None]]:
    rows = edits_that_match_nobody(make_inputs(**records), [MARCH]).to_pylist()
    assert {row["month"] for row in rows} <= {MARCH}
    return [(row["edited"], row["account_number"], row["record"], row["would_charge"]) for row in rows]


def test_edits_of_what_the_month_has_are_no_finding() -> None:
    assert (
        _unmatched(
            assets=[{"id": 7}],
            contacts=[{"id": 8}],
            client_billing_overrides=[enabled(per_user_cost="1")],
            asset_billing_overrides=[{"asset_id": 7, "billing_type": "Server"}],
            user_billing_overrides=[{"user_id": 8, "payment_type": "Free"}],
            manual_assets=[{}],
            manual_users=[{}],
            custom_line_items=[{"monthly_fee": "1"}],
        )
        == []
    )


def test_edits_of_nobody_are_named_with_what_they_would_have_charged() -> None:
    assert _unmatched(
        assets=[{"id": 7}],
        contacts=[{"id": 8}],
        client_billing_overrides=[{**GONE, **enabled(per_user_cost="1")}],
        asset_billing_overrides=[
            {"asset_id": 8, "billing_type": "Custom", "custom_cost": "80"},
            {"asset_id": 9, "billing_type": "Server"},
            {"asset_id": 10, "billing_type": "No Charge"},
        ],
        user_billing_overrides=[{"user_id": 7, "payment_type": "custom", "custom_cost": "7.50"}],
        manual_assets=[{**GONE, "hostname": "Printer"}],
        manual_users=[{**GONE, "full_name": "Bob Stone", "payment_type": "Free"}],
        custom_line_items=[{**GONE, "name": "Web hosting", "monthly_fee": "100"}],
    ) == [
        ("asset_billing_overrides", None, "10", Decimal(0)),
        ("asset_billing_overrides", None, "8", Decimal(80)),
        ("asset_billing_overrides", None, "9", None),
        ("client_billing_overrides", "gone", "gone", None),
        ("custom_line_items", "gone", "Web hosting", Decimal(100)),
        ("manual_assets", "gone", "Printer", None),
        ("manual_users", "gone", "Bob Stone", Decimal(0)),
        ("user_billing_overrides", None, "7", Decimal("7.50")),
    ]


def test_only_what_is_in_force_and_due_in_the_month_counts() -> None:
    assert _unmatched(
        asset_billing_overrides=[{"asset_id": 9, "billing_type": "Server", "from_month": APRIL}],
        custom_line_items=[
            {**GONE, "name": "Move", "one_off_fee": "250", "one_off_year": 2025, "one_off_month": 3},
            {**GONE, "name": "Later", "one_off_fee": "9", "one_off_year": 2025, "one_off_month": 4},
            {**GONE, "name": "Audit", "yearly_fee": "1200", "yearly_month": 3},
            {**GONE, "name": "Other", "yearly_fee": "1", "yearly_month": 4},
            {**GONE, "name": "Hosting", "monthly_fee": "1"},
            {**GONE, "name": "Hosting", "monthly_fee": "2", "from_month": MARCH},
        ],
    ) == [
        ("custom_line_items", "gone", "Audit", Decimal(1200)),
        ("custom_line_items", "gone", "Hosting", Decimal(2)),
        ("custom_line_items", "gone", "Move", Decimal(250)),
    ]


def test_a_device_of_another_month_is_not_one_of_this() -> None:
    inputs = make_inputs(
        companies=[{"month": MARCH}, {"month": APRIL}],
        assets=[{"id": 7, "month": APRIL}],
        asset_billing_overrides=[{"asset_id": 7, "billing_type": "Server"}],
    )
    assert edits_that_match_nobody(inputs, [MARCH, APRIL])["month"].to_pylist() == [MARCH]


def _never(items: list[dict[str, Any]], billed: Sequence[tuple[date, str]] = ()) -> list[tuple[Any, ...]]:
    months, ids = [month for month, _ in billed], [number for _, number in billed]
    frame = pa.table({"month": pa.array(months, pa.date32()), "source_id": pa.array(ids, pa.string())})
    rows = charges_never_billed(
        make_frame("custom_line_items", items),
        frame,
        closed=[date(2025, 2, 1), MARCH],
        first_month=date(2025, 1, 1),
    ).to_pylist()
    return [(row["id"], row["due"], row["would_charge"], row["reason"]) for row in rows]


def _one_off(year: int, month: int) -> dict[str, Any]:
    return {"one_off_fee": "250", "one_off_year": year, "one_off_month": month}


def test_one_offs_of_closed_months_and_of_before_the_ledger_are_named_with_their_amount() -> None:
    items = [_one_off(2024, 12), _one_off(2025, 1), _one_off(2025, 2), _one_off(2025, 3), _one_off(2025, 4)]
    closed = "its month is closed and has not billed it"
    assert _never(items, [(date(2025, 2, 1), "3")]) == [
        (1, date(2024, 12, 1), Decimal(250), "before the ledger's first month"),
        (4, MARCH, Decimal(250), closed),
    ]


def test_a_recurring_or_yearly_charge_is_missed_in_the_closed_months_that_it_names_itself() -> None:
    items = [
        {"name": "Ever", "monthly_fee": "1"},
        {"name": "Hosting", "monthly_fee": "2", "from_month": date(2025, 2, 1)},
        {"name": "Audit", "yearly_fee": "3", "yearly_month": 3, "from_month": date(2025, 1, 1)},
        {"name": "Later", "monthly_fee": "4", "from_month": APRIL},
    ]
    assert [row[:3] for row in _never(items, [(MARCH, "2")])] == [
        (2, date(2025, 2, 1), Decimal(2)),
        (3, MARCH, Decimal(3)),
    ]
