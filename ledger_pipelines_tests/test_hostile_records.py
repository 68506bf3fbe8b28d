"""Records with odd fields that bear on nothing: each is billed, and the field noted (../shared/data/hostile)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from ledger_pipelines.billing.inputs import SCHEMAS as INPUTS
from ledger_pipelines.billing.inputs import BillingInputs
from ledger_pipelines.billing.statements import BillingResult, bill
from ledger_pipelines.errors import Problem
from ledger_pipelines.sources.codex.models import ENTITIES
from ledger_pipelines.sources.records.frames import RecordReader
from ledger_pipelines_tests.billing.building import WORKED_RATES
from ledger_pipelines_tests.conftest import SHARED_DATA

OCTOBER = date(2026, 10, 1)
GOLD = {"billing_plan": "Gold"}
PLAN = {
    "plan_name": "Gold",
    "term_length": "Month to Month",
    **{name: Decimal(rate) for name, rate in WORKED_RATES.items()},
}


@pytest.fixture(scope="module")
def hostile() -> dict[str, list[dict[str, Any]]]:
    file = SHARED_DATA / "hostile" / "08_fields_that_bear_on_nothing.json"
    if not file.is_file():
        pytest.skip("../shared/data/hostile is not here")
    read: dict[str, list[dict[str, Any]]] = json.loads(file.read_text(), parse_float=Decimal)
    return read


def _billed(**records: list[Mapping[str, Any]]) -> tuple[BillingResult, list[Problem]]:
    """The month of these records of Codex, of company c1 unless they say another, and what was noted of them."""
    frames, problems = {}, []
    for name, entity in ENTITIES.items():
        reader = RecordReader("codex", entity)
        reader.add(records.get(name, []), "c1" if entity.owner_column else None)
        frame = reader.frame()
        month = pa.repeat(pa.scalar(OCTOBER, pa.date32()), frame.num_rows)
        frames[name] = frame.add_column(0, "month", month)
        problems += reader.problems
    empty = {name: schema.empty_table() for name, schema in INPUTS.items()}
    # What earlier runs knew of the tickets: nothing.
    for name in set(INPUTS["tickets"].names) - set(frames["tickets"].column_names):
        field = INPUTS["tickets"].field(name)
        value = pa.scalar(False if pa.types.is_boolean(field.type) else None, field.type)
        frames["tickets"] = frames["tickets"].append_column(
            field, pa.repeat(value, frames["tickets"].num_rows)
        )
    return bill(BillingInputs(**(empty | frames)), [OCTOBER], currency="USD"), problems


def _one_note(problems: list[Problem], field: str) -> None:
    (problem,) = problems
    assert not problem.is_blocking
    assert field in problem.message


@pytest.mark.parametrize(
    ("place", "field"),
    [(0, "company_start_date"), (1, "contract_start_date"), (2, "contract_term_length")],
)
def test_a_company_has_its_statement(hostile: Any, place: int, field: str) -> None:
    company = hostile["companies"][place] | GOLD
    result, problems = _billed(companies=[company], plans=[PLAN])
    (statement,) = result.statements.to_pylist()
    assert (statement["account_number"], statement["contract_term"]) == (
        company["account_number"],
        "Month to Month",
    )
    assert (statement["contract_end_date"], statement["contract_expired"]) == (None, False)
    _one_note(problems, field)


@pytest.mark.parametrize(
    ("kind", "place", "field", "total"),
    [
        ("assets", 0, "last_seen", "50"),
        ("assets", 1, "backup_data_bytes", "60"),  # 50, a base fee of 5, and half a TB over for 5
        ("contacts", 0, "active", "15"),
        ("tickets", 0, "closed_at", "300"),
    ],
)
def test_a_device_a_person_and_a_ticket_are_billed(
    hostile: Any, kind: str, place: int, field: str, total: str
) -> None:
    records: dict[str, Any] = {kind: [hostile[kind][place]]}
    result, problems = _billed(companies=[{"account_number": "c1", **GOLD}], plans=[PLAN], **records)
    assert result.statements["total"].to_pylist() == [Decimal(total)]
    _one_note(problems, field)
