"""`ledger plans`, `overrides` and `items`, as a person types them."""

from __future__ import annotations

import getpass

from ledger_pipelines.sandbox.server import Sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.end_to_end.harness import Ledger, execute, fetch


def test_a_company_is_given_a_plan_an_override_and_a_charge_and_is_billed_by_them(
    ledger: Ledger, database: Database, sandbox: Sandbox
) -> None:
    ledger.use(sandbox)
    assert ledger("close", "2025-12").code == 0
    (account, term), *_ = fetch(
        database, "SELECT account_number, contract_term FROM billing_statements ORDER BY account_number"
    )

    added = ledger("plans", "set", "Gold", term, "per_user_cost=10", "per_workstation_cost=20.50")
    assert added.code == 0, added.err
    assert f"Added plan Gold ({term})." in added.out
    assert "per_workstation_cost: nothing → 20.5" in added.out
    assert "Free of charge, because nothing or 0 was given: per_server_cost, " in added.out
    given = ledger("overrides", "set", "client", account, "billing_plan=Gold", "per_user_cost=0")
    assert f"Added override of company {account}." in given.out
    assert "newest snapshot" not in given.out
    charged = ledger("items", "set", "charge", account, "Monitoring", "monthly_fee=49")
    assert f"Added charge Monitoring of {account}." in charged.out
    again = ledger("close", "2025-12")
    assert again.code == 0, again.err
    billed = (
        "SELECT billing_plan, total_user_charges, total_line_item_charges FROM billing_statements "
        "WHERE account_number = %s"
    )
    assert fetch(database, billed, account) == [("Gold", 0, 49)]

    listed = ledger("overrides", "list", account)
    assert "billing_plan Gold, per_user_cost 0" in " ".join(listed.out.split())
    assert "Monitoring" in ledger("items", "list", account).out
    assert f"Gold / {term}" in ledger("plans", "list").out
    for kind in (
        ("overrides", "remove", "client", account),
        ("items", "remove", "charge", account, "Monitoring"),
    ):
        removed = ledger(*kind)
        assert (removed.code, removed.out.startswith("Removed ")) == (0, True)
    assert ledger("overrides", "list", account).out.strip() == f"Nothing is edited for {account}."
    assert fetch(database, "SELECT DISTINCT person FROM edits") == [(getpass.getuser(),)]
    told = ledger("edits", "--account", account, "--person", getpass.getuser(), "--limit", "3").out
    assert f"{getpass.getuser()} removed charge Monitoring of {account} (edit 5)" in told
    assert "monthly_fee: nothing → 49" in told
    assert "And 1 before these" in told
    assert ledger("edits", "--since", "2999-01-01").out.strip() == "Nothing was edited."


def test_a_mistake_is_one_sentence(ledger: Ledger, database: Database) -> None:
    for words, sentence in (
        (("plans", "set", "Gold", "per_user_price=3"), "'per_user_price' is no field of the plan"),
        (("plans", "set", "Gold", "1 Year", "ten"), "'ten' is no field: write it as NAME=VALUE"),
        (("plans", "set", "Gold", "per_vm_cost=1", "per_vm_cost=2"), "per_vm_cost is given twice."),
        (("overrides", "set", "feature", "620547"), "Name the override of feature by account_number and feature_type."),
        (("overrides", "set", "client", "1", "per_vm_cost=1", "--from-month", "2025-13"), "is not a month"),
        (("items", "remove", "charge", "620547", "X", "monthly_fee=1"), "is no part of the charge's name"),
        (("items", "set", "charge", "620547", "monthly_fee=49"), "Name the charge by account_number and name."),
        (("items", "set", "charge", "1", "X", "monthly_fee=4", "--id", str(2**70)), "no charge X of 1 with the id"),
        (("edits", "--since", "2025-02-30"), "'2025-02-30' is no day"),
        (("overrides", "list", "6\x07"), "account_number has signs that cannot be printed"),
    ):  # fmt: skip
        refused = ledger(*words)
        assert (refused.code, sentence in " ".join(refused.err.split())) == (1, True), refused.err
        assert refused.err.startswith("Error: ")
    assert fetch(database, "SELECT count(*) FROM edits") == [(0,)]


def test_who_is_in_no_snapshot_and_what_no_longer_counts_are_said(ledger: Ledger, sandbox: Sandbox) -> None:
    ledger.use(sandbox)
    assert ledger("close", "2025-12").code == 0
    assert ledger("overrides", "set", "client", "620547", "per_user_cost=12", "billing_plan=Gold").code == 0
    later = ledger("overrides", "set", "client", "620547", "per_user_cost=14", "--from-month", "2025-12")
    assert "From 2025-12 on it holds alone: billing_plan of the one before no longer counts then" in later.out
    kept = ledger("overrides", "set", "asset", "999999999", "billing_type=VM", "--from-month", "2025-12")
    assert "The newest snapshot has no asset_id 999999999" in kept.out
    assert "from 2025-12" in kept.out


def test_a_term_is_one_however_it_is_written(ledger: Ledger, database: Database) -> None:
    for term, fee in (("1-Year", "10"), ("1 year", "11"), ("1 Year", "12")):
        assert ledger("plans", "set", "Gold", term, f"per_user_cost={fee}").code == 0
    assert fetch(database, "SELECT term_length, per_user_cost FROM billing_plans") == [("1 Year", 12)]
    # One that was entered otherwise stays the same row.
    execute(database, "UPDATE billing_plans SET term_length = '1-year'")
    assert ledger("plans", "set", "Gold", "1 Year", "per_vm_cost=3").code == 0
    assert fetch(database, "SELECT term_length, per_user_cost, per_vm_cost FROM billing_plans") == [
        ("1-year", 12, 3)
    ]
