"""A paid invoice as the CFO's transaction, and invoices that cannot be one."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_pipelines.cfo.transactions import (
    ENTITY_MAPPINGS,
    INVOICES,
    REFUSED,
    REVENUE_CATEGORIES,
    TRANSACTIONS,
    entity_of,
    transactions_of,
)
from ledger_pipelines.errors import FrameError
from ledger_pipelines_tests.cfo.building import (
    CATEGORIES,
    DELTA,
    MAPPINGS,
    NOON,
    categories,
    invoices,
    mappings,
)
from ledger_pipelines_tests.cfo.generated import Rows, drawn_sync
from ledger_pipelines_tests.cfo.reference import transaction_by_hand


def transaction(**invoice: Any) -> dict[str, Any]:
    """The one transaction of an invoice, by the seeded mappings."""
    mapped = transactions_of(invoices(invoice), MAPPINGS, CATEGORIES)
    assert mapped.refused.num_rows == 0
    (row,) = mapped.transactions.to_pylist()
    return dict(row)


def refusal(mapping: pa.Table = MAPPINGS, category: pa.Table = CATEGORIES, **invoice: Any) -> str:
    """Why an invoice is refused, without what all refusals say."""
    mapped = transactions_of(invoices(invoice), mapping, category)
    assert mapped.transactions.num_rows == 0
    (row,) = mapped.refused.to_pylist()
    before, after = "It cannot be handed to the CFO: ", ". Correct it, then force its sync."
    assert row["invoice_id"] == 1
    assert row["error"].startswith(before)
    assert row["error"].endswith(after)
    return str(row["error"][len(before) : -len(after)])


def test_the_worked_case_becomes_one_transaction() -> None:
    assert transaction() == {
        "invoice_id": 1,
        "date": NOON,
        "description": "Invoice DPY-2025-10-0001 - Alps Blockchain - 2025-10 hosting",
        "amount": Decimal("100.00"),
        "classified_entity": "Delta Mining Paraguay S.A.",
        "business_unit": "Paraguay Mining",
        "source_file": "crypto_invoice_DPY-2025-10-0001",
        "transaction_type": "Revenue",
        "confidence": Decimal("1.00"),
        "classification_reason": "Crypto invoice payment from Alps Blockchain (100 USDT)",
        "origin": "External Account",
        "destination": "Delta Paraguay Operations",
        "identifier": "DPY-2025-10-0001",
        "currency": "USD",
        "subcategory": "Client Hosting Revenue",
    }


def test_a_holded_invoice_takes_the_same_path_under_its_own_name() -> None:
    theirs = transaction(origin="holded", invoice_number="F250017", client_name="Ada", paid_in=None)
    ours = transaction(origin="crypto", invoice_number="F250017", client_name="Ada")
    assert {name: value for name, value in theirs.items() if value != ours[name]} == {
        "source_file": "holded_invoice_F250017",
        "classification_reason": "Holded invoice payment from Ada",
        "origin": "Holded",
    }


@pytest.mark.parametrize("period", [None, "", "  "])
def test_a_missing_billing_period_leaves_out_the_last_part_of_the_description(period: str | None) -> None:
    assert transaction(billing_period=period)["description"] == "Invoice DPY-2025-10-0001 - Alps Blockchain"


def test_surrounding_space_is_dropped_but_of_the_number_that_tells_invoices_apart() -> None:
    row = transaction(
        invoice_number=" 7", client_name=" Exos Capital ", billing_period=" May\t", currency=" EUR "
    )
    assert row["description"] == "Invoice  7 - Exos Capital - May"
    assert row["classification_reason"] == "Crypto invoice payment from Exos Capital (100 USDT)"
    assert (row["currency"], row["identifier"], row["source_file"]) == ("EUR", " 7", "crypto_invoice_ 7")


@pytest.mark.parametrize(
    ("client", "unit"),
    [
        ("Alps Blockchain", "Paraguay Mining"),
        ("Exos Capital", "Paraguay Hosting"),
        ("GM Data Centers", "Paraguay Colocation"),
        ("Ada Lovelace", "Paraguay Operations"),
        ("  gm data CENTERS ", "Paraguay Colocation"),
        ("GM Data Centers Ltd", "Paraguay Operations"),
    ],
)
def test_the_unit_is_the_clients_and_the_entity_is_one_for_all(client: str, unit: str) -> None:
    row = transaction(client_name=client)
    assert (row["classified_entity"], row["business_unit"]) == (DELTA, unit)


@pytest.mark.parametrize(
    ("period", "description", "subcategory"),
    [
        ("2025-10 hosting", None, "Client Hosting Revenue"),
        ("Mining in October", None, "Mining Revenue"),
        ("2025-10", "COLOCATION of 3 racks", "Colocation Revenue"),
        (None, "a validator node", "Validator Revenue"),
        ("2025-10", "Platform", "Platform Fees"),
        ("2025-10", "Advice", "Client Services Revenue"),
        (None, None, "Client Services Revenue"),
        ("mining", "hosting", "Client Hosting Revenue"),
        ("platform mining", None, "Mining Revenue"),
        ("host", "ing", "Client Services Revenue"),
    ],
)
def test_the_first_keyword_in_the_period_or_the_description_gives_the_subcategory(
    period: str | None, description: str | None, subcategory: str
) -> None:
    assert transaction(billing_period=period, description=description)["subcategory"] == subcategory


def test_the_first_mapping_by_position_wins_wherever_it_stands_in_the_table() -> None:
    edited = mappings((30, None, "Other", "o"), (20, "Ada", "Second", "s"), (10, " ADA ", "First", "f"))
    late = mappings((10, None, "Other", "o"), (20, "Ada", "Too late", "t"))
    clients = pa.array(["Ada", "Grace", " ", None])
    assert entity_of(clients, edited).to_pylist() == ["First", "Other", None, None]
    assert entity_of(clients, late).to_pylist() == ["Other", "Other", None, None]


def test_names_are_compared_in_any_script() -> None:
    only = mappings((1, "STRASSE Ärzte", DELTA, "Mining"))
    assert entity_of(pa.array(["Straße ÄRZTE"]), only).to_pylist() == [DELTA]


def test_without_a_mapping_for_anybody_a_strange_client_has_no_entity() -> None:
    only = mappings((1, "Ada", DELTA, "Mining"))
    assert entity_of(pa.array(["Ada", "Grace"]), only).to_pylist() == [DELTA, None]
    assert entity_of(pa.array(["Ada"]), mappings()).to_pylist() == [None]


def test_the_default_category_is_for_what_no_keyword_fits_wherever_it_stands() -> None:
    early = categories((1, None, "Default"), (2, "hosting", "Hosting"))
    found = invoices({}, {"billing_period": "2025-10"})
    mapped = transactions_of(found, MAPPINGS, early).transactions
    assert mapped.column("subcategory").to_pylist() == ["Hosting", "Default"]


@pytest.mark.parametrize(
    ("invoice", "reason"),
    [
        ({"client_name": None}, "it has no client"),
        ({"client_name": "  "}, "it has no client"),
        ({"amount": None}, "its amount is missing or not above zero"),
        ({"amount": Decimal("0.00")}, "its amount is missing or not above zero"),
        ({"amount": Decimal("-0.01")}, "its amount is missing or not above zero"),
        ({"invoice_number": None}, "it has no number"),
        ({"invoice_number": " "}, "it has no number"),
        ({"currency": None}, "it has no currency"),
        ({"currency": ""}, "it has no currency"),
        ({"paid_in": None}, "it has no currency"),
        ({"paid_in": " "}, "it has no currency"),
        ({"paid_at": None}, "it has no time of payment"),
        ({"origin": "paper"}, "its origin is neither crypto nor holded"),
        ({"invoice_number": "7" * 241}, "its source_file would be longer than 255 characters"),
        ({"currency": "C" * 21}, "its currency would be longer than 20 characters"),
        ({"client_name": "A\x00"}, "its description would contain a NUL character"),
        ({"invoice_number": "7\x00"}, "its description would contain a NUL character"),
        ({"billing_period": "\x00"}, "its description would contain a NUL character"),
        ({"currency": "\x00"}, "its currency would contain a NUL character"),
        ({"client_name": None, "currency": None}, "it has no client; it has no currency"),
    ],
)
def test_an_invoice_that_cannot_be_a_transaction_is_refused_with_all_that_is_wrong(
    invoice: Mapping[str, Any], reason: str
) -> None:
    assert refusal(**invoice) == reason


def test_what_just_fits_is_taken() -> None:
    row = transaction(
        invoice_number="é" * 240, currency="C" * 20, amount=Decimal("0.01"), client_name="A" * 9999
    )
    assert len(row["source_file"]) == 255
    assert len(row["description"]) > 9999


def test_a_number_that_is_too_long_itself_is_said_to_be_so_too() -> None:
    assert refusal(invoice_number="7" * 256) == (
        "its source_file would be longer than 255 characters; its identifier would be longer than 255 characters"
    )


def test_a_mapping_or_category_that_the_cfos_table_cannot_keep_refuses_its_invoices() -> None:
    too_long = mappings((1, None, "E" * 256, "U" * 256))
    assert refusal(mapping=too_long) == (
        "its classified_entity would be longer than 255 characters; "
        "its business_unit would be longer than 255 characters"
    )
    long_subcategory = categories((1, None, "S" * 101))
    assert refusal(category=long_subcategory) == "its subcategory would be longer than 100 characters"
    with_nul = mappings((1, None, "E\x00", "U\x00"))
    assert refusal(mapping=with_nul, category=categories((1, None, "S\x00"))) == (
        "its classified_entity would contain a NUL character; "
        "its business_unit would contain a NUL character; its subcategory would contain a NUL character"
    )


def test_no_mapping_or_no_category_that_matches_refuses_the_invoice() -> None:
    assert refusal(mapping=mappings((1, "Ada", DELTA, "x"))) == "no entity mapping matches its client"
    assert refusal(mapping=mappings()) == "no entity mapping matches its client"
    assert refusal(category=categories((1, "platform", "Platform Fees"))) == (
        "no revenue category matches it and none is the default"
    )


def test_one_bad_invoice_does_not_hold_back_the_other_499() -> None:
    rows: list[dict[str, Any]] = [{} for _ in range(500)]
    rows[250] = {"client_name": None}
    mapped = transactions_of(invoices(*rows), MAPPINGS, CATEGORIES)
    assert mapped.refused.column("invoice_id").to_pylist() == [251]
    ids = mapped.transactions.column("invoice_id").to_pylist()
    assert ids == [number for number in range(1, 501) if number != 251]


def test_no_invoices_are_no_transactions_of_the_same_columns() -> None:
    mapped = transactions_of(INVOICES.empty_table(), MAPPINGS, CATEGORIES)
    assert mapped.transactions.schema == TRANSACTIONS
    assert mapped.refused.schema == REFUSED
    assert mapped.transactions.num_rows == mapped.refused.num_rows == 0


def test_more_columns_do_no_harm_and_a_missing_or_empty_one_is_said() -> None:
    found = invoices({})
    more = found.append_column("retry_count", pa.array([2], pa.int32()))
    assert transactions_of(more, MAPPINGS, CATEGORIES).transactions.num_rows == 1
    with pytest.raises(FrameError, match=r"invoices lacks the column\(s\) currency"):
        transactions_of(found.drop_columns(["currency"]), MAPPINGS, CATEGORIES)
    with pytest.raises(FrameError, match="entity mappings lacks"):
        entity_of(pa.array(["Ada"]), MAPPINGS.drop_columns(["entity"]))
    nameless = CATEGORIES.set_column(2, "subcategory", pa.nulls(CATEGORIES.num_rows, pa.string()))
    with pytest.raises(FrameError, match="revenue categories does not have the types"):
        transactions_of(found, MAPPINGS, nameless)


@settings(max_examples=400)
@given(drawn_sync())
def test_each_invoice_is_the_transaction_that_the_rule_by_hand_gives_or_refused(
    drawn: tuple[Rows, Rows, Rows],
) -> None:
    rows, mapping, category = drawn
    mapped = transactions_of(
        pa.Table.from_pylist(rows, INVOICES),
        pa.Table.from_pylist(mapping, ENTITY_MAPPINGS),
        pa.Table.from_pylist(category, REVENUE_CATEGORIES),
    )
    assert mapped.transactions.schema == TRANSACTIONS
    by_hand = {row["invoice_id"]: transaction_by_hand(row, mapping, category) for row in rows}
    expected = [made for made in by_hand.values() if made is not None]
    assert mapped.transactions.to_pylist() == expected
    refused = [number for number, made in by_hand.items() if made is None]
    assert mapped.refused.column("invoice_id").to_pylist() == refused
    assert all("\x00" not in row["error"] for row in mapped.refused.to_pylist())
    amounts = {row["invoice_id"]: row["amount"] for row in rows}
    assert all(row["amount"] == amounts[row["invoice_id"]] for row in mapped.transactions.to_pylist())


@given(drawn_sync(), st.data())
def test_the_order_of_invoices_and_of_mappings_does_not_matter(
    drawn: tuple[Rows, Rows, Rows], data: st.DataObject
) -> None:
    def mapped(rows: Rows, mapping: Rows, category: Rows) -> tuple[Rows, Rows]:
        result = transactions_of(
            pa.Table.from_pylist(rows, INVOICES),
            pa.Table.from_pylist(mapping, ENTITY_MAPPINGS),
            pa.Table.from_pylist(category, REVENUE_CATEGORIES),
        )
        return (
            result.transactions.sort_by("invoice_id").to_pylist(),
            result.refused.sort_by("invoice_id").to_pylist(),
        )

    rows, mapping, category = drawn
    shuffled = [data.draw(st.permutations(one)) for one in (rows, mapping, category)]
    assert mapped(rows, mapping, category) == mapped(*shuffled)
