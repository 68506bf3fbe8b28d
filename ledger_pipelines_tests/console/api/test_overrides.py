"""Statements and overrides as HiveMatrix's services ask for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger_pipelines.console import following
from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.context import Console
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.history import EditFilter, list_edits
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.conftest import SHARED_DATA
from ledger_pipelines_tests.console.conftest import NOW, KnownPeople
from ledger_pipelines_tests.workflows.billed_books import OPEN as OPEN_MONTHS
from ledger_pipelines_tests.workflows.billed_books import bill_months, copied, fill

RECORDED = SHARED_DATA / "hivematrix_api"
ACME = "/api/overrides/client/620500"


@pytest.fixture(scope="module")
def filled(server: EmbeddedServer) -> Iterator[Database]:
    """A billed book, to be copied."""
    with copied(server, server.database("template_ledger")) as database:
        fill(database)
        yield database


@pytest.fixture
def book(server: EmbeddedServer, filled: Database) -> Iterator[Database]:
    with copied(server, filled) as database:
        yield database


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The months of each run that was asked for after an edit."""
    runs: list[Any] = []
    monkeypatch.setattr(
        following, "follow_edits", lambda _, __, months, **more: runs.append([months, more["person"]])
    )
    return runs


@pytest.fixture
def client(book: Database, followed: list[Any]) -> TestClient:
    app = create_app(Console(Settings(), book, KnownPeople(), now=lambda: NOW))
    return TestClient(app, headers={"Authorization": "Bearer service"}, raise_server_exceptions=False)


def exactly(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return json.loads(response.text, parse_float=Decimal)


def bill(client: TestClient, account: str = "620500", **month: int) -> Any:
    return exactly(client.get(f"/api/billing/{account}", params=month))


def test_a_bill_is_printed_as_services_print_it(client: TestClient) -> None:
    found = client.get("/api/billing/620500").json()
    receipt, counts = found["receipt"], found["quantities"]
    printed = [f"{receipt[name]:,.2f}" for name in receipt if not isinstance(receipt[name], list)]
    printed += [f"{counts[name]:3d}" for name in counts]
    printed += [
        f"{value:,.2f}" for value in found["effective_rates"].values() if not isinstance(value, str | None)
    ]
    assert all(printed)
    assert {
        "billing_period": "2025-03",
        "status": "draft",
        "statement_number": "620500-202503",
    }.items() <= found.items()
    exact = bill(client)["receipt"]
    lines = [line for name in ("billed_assets", "billed_users", "billed_line_items") for line in exact[name]]
    assert (
        sum(line["cost"] for line in lines) + exact["ticket_charge"] + exact["backup_charge"]
        == exact["total"]
    )
    assert {"name": "SW", "type": "Switch"}.items() <= exact["billed_assets"][-1].items()
    assert {"name": "Person 3", "type": "Free"}.items() <= exact["billed_users"][-1].items()
    assert bill(client, year=2025, month=1)["status"] == "final"


def _shape(body: Any) -> Any:
    if isinstance(body, dict):
        return {name: _shape(value) for name, value in body.items()}
    if isinstance(body, list):
        return [_shape(body[0])] if body else []
    return "number" if isinstance(body, int | float) and not isinstance(body, bool) else type(body).__name__


def _covers(ours: Any, theirs: Any, where: str, free: tuple[str, ...]) -> None:
    """All that theirs has, ours has, of the same type; what may be null may be so in one of them."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name, shape in theirs.items():
            assert name in ours or name in free, f"{where}.{name} is missing"
            if name in ours:
                _covers(ours[name], shape, f"{where}.{name}", free)
    elif isinstance(theirs, list) and isinstance(ours, list) and theirs and ours:
        _covers(ours[0], theirs[0], where, free)
    else:
        assert "NoneType" in (ours, theirs) or ours == theirs or not (ours and theirs), where


@pytest.mark.parametrize(
    ("path", "recording"),
    [
        ("/api/billing/620500", "billing_620500_2026-09"),
        ("/api/billing/dashboard", "dashboard_2026-09"),
        ("/api/plans", "plans"),
        ("/api/invoice/620500/summary", "invoice_summary_620500"),
        (ACME, "overrides_client_620500"),
        ("/api/overrides/client/999999", "overrides_client_999999"),
        ("/api/overrides/asset/10", "overrides_asset_1"),
        ("/api/overrides/user/21?from_month=2025-03", "overrides_user_1"),
        ("/api/overrides/features/620500", "overrides_features_620500"),
        ("/api/overrides/line-items/620521", "overrides_line-items_620500"),
        ("/api/overrides/manual-assets/620500", "overrides_manual-assets_620500"),
        ("/api/overrides/manual-users/620500", "overrides_manual-users_620500"),
    ],
)
def test_bodies_have_all_members_that_hivematrix_has(client: TestClient, path: str, recording: str) -> None:
    if not RECORDED.is_dir():
        pytest.skip("../shared/data/hivematrix_api is not here")
    theirs = json.loads((RECORDED / f"{recording}.json").read_text())
    # What is not overridden is not there, and features stand by their names.
    free = ("antivirus", "email_security", "network_management", "password_manager", "sat", "soc")
    if "client" in path:
        free += tuple(name for name, value in (theirs["overrides"] or {}).items() if value is None)
        free += ("per_hour_ticket_cost",)
    _covers(_shape(client.get(path).json()), _shape(theirs), recording, free)


def test_one_rate_is_changed_by_sending_back_what_was_read_and_the_next_request_has_the_new_total(
    client: TestClient, book: Database, followed: list[Any]
) -> None:
    before = bill(client)
    read = exactly(client.get(ACME))
    assert read["overrides"]["per_user_cost"] == 0
    client.put(ACME, json={"prepaid_hours_monthly": 1, "support_level": "Gold level"})
    overrides = client.get(ACME).json()["overrides"]
    assert overrides["support_level"] == "Gold level"
    sent = {**overrides, "per_user_cost": 12.5, "overrides": {}, "message": "x", "term_length": 3}
    headers = {"X-Edit-Reason": "agreed"}
    assert exactly(client.put(ACME, json=sent, headers=headers)) == {
        "message": "Overrides updated successfully"
    }
    after = bill(client)
    assert after["receipt"]["total_user_charges"] - before["receipt"]["total_user_charges"] == Decimal("37.5")
    assert after["effective_rates"]["support_level"] == "Gold level"
    assert exactly(client.get(ACME))["overrides"] == {
        **exactly_of(overrides),
        "per_user_cost": Decimal("12.50"),
    }
    assert bill(client, year=2025, month=1)["receipt"] == bill(client, year=2025, month=1)["receipt"]
    last = list_edits(book, EditFilter())[0]
    assert (last.person, last.reason) == ("service", "agreed")
    assert followed[-1] == [list(OPEN_MONTHS), "service"]
    listed = exactly(client.get("/api/billing/dashboard"))["companies"]
    assert {one["account_number"]: one["edited_since_run"] for one in listed}["620500"] is True
    assert sum(one["edited_since_run"] for one in listed) == 1
    bill_months(book, OPEN_MONTHS)
    listed = exactly(client.get("/api/billing/dashboard"))["companies"]
    (mine,) = [one for one in listed if one["account_number"] == "620500"]
    assert (mine["edited_since_run"], mine["total_bill"]) == (False, after["receipt"]["total"])


def exactly_of(body: Any) -> Any:
    return json.loads(json.dumps(body), parse_float=Decimal)


def test_a_month_in_the_body_is_refused_where_it_is_not_that_of_the_row(
    client: TestClient, book: Database
) -> None:
    before = len(list_edits(book, EditFilter()))
    charges = "/api/overrides/line-items/620500"
    bodies: dict[str, dict[str, Any]] = {
        ACME: {"per_user_cost": 12},
        "/api/overrides/asset/11": {"billing_type": "VM"},
        "/api/overrides/features/620500": {"soc": "x"},
        "/api/overrides/manual-users/620500": {"full_name": "Ola", "billing_type": "Paid"},
        charges: {"name": "Watch", "monthly_fee": 9},
    }
    for path, body in bodies.items():
        for month, query in (("2025-03", ""), ("2025-03", "?from_month=2025-02"), ("soon", "")):
            refused = client.post(f"{path}{query}", json={**body, "from_month": month})
            assert "?from_month=" in exactly(refused, 422)["error"], (path, month)
    assert len(list_edits(book, EditFilter())) == before
    added = exactly(
        client.post(f"{charges}?from_month=2025-03", json={**bodies[charges], "from_month": "2025-03"}), 201
    )
    one = f"{charges}/{added['id']}"
    exactly(client.put(one, json={"monthly_fee": 8, "from_month": "2025-02"}), 422)
    exactly(client.put(one, json={"monthly_fee": 8, "from_month": "2025-03-01"}))
    exactly(client.put(ACME, json={"per_user_cost": 12, "from_month": None}))


def test_what_is_not_understood_is_ignored_and_said(client: TestClient, book: Database) -> None:
    with book.connect() as connection:
        connection.execute("INSERT INTO feature_options (feature_type, value) VALUES ('soc', 'x')")
    read = exactly(client.post(ACME, json={"per_user_cost": 12, "per_vm_kost": 5, "term_length": "1 Year"}))
    assert read == {"message": "Overrides updated successfully", "ignored": ["per_vm_kost"]}
    charges, features = "/api/overrides/line-items/620500", "/api/overrides/features/620500"
    once = {"name": "Once", "monthly_fee": 5, "montly_fee": 6}
    added = exactly(client.post(charges, json=once), 201)
    assert added["ignored"] == ["montly_fee"]
    one = f"{charges}/{added['id']}"
    device = {"billing_type": "VM", "custom_kost": 5}
    assert exactly(client.put("/api/overrides/asset/11", json=device))["ignored"] == ["custom_kost"]
    before = len(list_edits(book, EditFilter()))
    for path, wrong, known in (
        (ACME, "per_user_kost", "per_user_cost"),
        (ACME, "x\u202ey", "per_user_cost"),
        (one, "montly_fee", "monthly_fee"),
        (features, "bogus", "soc"),
    ):
        answered = exactly(client.put(path, json={wrong: "12", "reason": "agreed"}))
        (said,) = answered["notes"]
        assert "Nothing was changed" in said
        assert known in said
        assert repr(wrong.replace("\u202e", "\ufffd")) in said
    for path, body in (
        (ACME, client.get(ACME).json()),
        (features, client.get(features).json()),
        (one, {"id": added["id"], "reason": "agreed"}),
    ):
        assert "Nothing was changed" in exactly(client.put(path, json=body))["notes"][0], path
    assert len(list_edits(book, EditFilter())) == before


def test_null_takes_off_and_nothing_is_nothing(client: TestClient, book: Database) -> None:
    for words, status in ((None, 400), ({}, 400), ({"message": "x"}, 200), ({"per_vm_cost": None}, 200)):
        exactly(client.put("/api/overrides/client/1", json=words), status)
    assert exactly(client.get("/api/overrides/client/1")) == {
        "overrides": None,
        "message": "No overrides configured",
    }
    exactly(client.post("/api/overrides/client/1?from_month=2025-03", json={"per_vm_cost": "0"}))
    assert exactly(client.get("/api/overrides/client/1"))["overrides"] is None
    found = exactly(client.get("/api/overrides/client/1?from_month=2025-03"))
    assert found["overrides"] == {"company_account_number": "1", "per_vm_cost": Decimal("0.00")}
    exactly(client.put("/api/overrides/client/1?from_month=2025-03", json={"per_vm_cost": None}))
    assert exactly(client.get("/api/overrides/client/1?from_month=2025-03"))["overrides"] is None
    messages = [exactly(client.delete(ACME))["message"] for _ in range(2)]
    assert messages == ["Overrides deleted successfully", "No overrides to delete"]


def test_a_switch_is_added_listed_and_removed_and_a_charge_of_one_name_is_one(client: TestClient) -> None:
    path = "/api/overrides/manual-assets/620521"
    added = exactly(
        client.post(path, json={"hostname": "Switch", "billing_type": "Switch", "notes": "a\nb"}), 201
    )
    assert added["message"] == "Manual asset added"
    assert exactly(client.get(path)) == {
        "manual_assets": [
            {
                "id": added["id"],
                "hostname": "Switch",
                "billing_type": "Switch",
                "custom_cost": None,
                "notes": "a\nb",
            }
        ]
    }
    assert bill(client, "620521")["quantities"]["switch"] >= 1
    exactly(client.delete(f"/api/overrides/manual-assets/620500/{added['id']}"), 404)
    assert exactly(client.delete(f"{path}/{added['id']}")) == {"message": "Manual asset deleted"}
    assert exactly(client.delete(f"{path}/{added['id']}"), 404)["error"] == "Manual asset not found"

    users = "/api/overrides/manual-users/620521"
    user = exactly(client.post(users, json={"full_name": "Ola", "billing_type": "No Charge"}), 201)
    assert exactly(client.get(users))["manual_users"][0]["billing_type"] == "Free"
    assert exactly(client.delete(f"{users}/{user['id']}")) == {"message": "Manual user deleted"}

    items = "/api/overrides/line-items/620500"
    first, second = (
        exactly(client.post(items, json={"name": "Watch", "monthly_fee": fee}), 201) for fee in (9, 49.5)
    )
    assert first == second
    (item,) = exactly(client.get(items))["line_items"]
    assert (item["monthly_fee"], item["yearly_fee"]) == (Decimal("49.50"), None)
    one = f"{items}/{item['id']}"
    assert exactly(client.put(one, json={"yearly_fee": 5, "yearly_bill_month": 3})) == {
        "message": "Line item updated"
    }
    assert exactly(client.put(one, json={"name": "Guard"}))["message"] == "Line item updated"
    (item,) = exactly(client.get(items))["line_items"]
    assert (item["name"], item["monthly_fee"], item["yearly_fee"], item["yearly_bill_month"]) == (
        "Guard",
        None,
        5,
        3,
    )
    assert {"name": "Guard", "type": "Yearly", "cost": Decimal("5.00")} in bill(client)["receipt"][
        "billed_line_items"
    ]
    assert exactly(client.delete(one)) == {"message": "Line item deleted"}
    exactly(client.put(one, json={"name": "x"}), 404)


def test_devices_and_people_are_billed_as_they_are_told(client: TestClient) -> None:
    device, person = "/api/overrides/asset/11", "/api/overrides/user/12"
    assert exactly(client.put(device, json={}), 400)["error"] == "No data provided"
    assert exactly(client.put(device, json={"custom_cost": 3}), 400)["error"] == "billing_type is required"
    exactly(client.put(device, json={"billing_type": "Custom", "custom_cost": 7.25}))
    assert {"name": "PC1", "type": "Custom", "cost": Decimal("7.25")} in bill(client)["receipt"][
        "billed_assets"
    ]
    exactly(client.post(device, json={"billing_type": "server"}))
    assert exactly(client.get(device)) == {
        "override": {"asset_id": 11, "billing_type": "Server", "custom_cost": None}
    }
    exactly(client.put(person, json={"billing_type": "no charge"}))
    assert exactly(client.get(person))["override"]["billing_type"] == "Free"
    for path in (device, person):
        exactly(client.delete(path))
        exactly(client.delete(path))
        assert exactly(client.get(path)) == {"override": None}
    exactly(client.put(f"/api/overrides/asset/{2**63 - 1}", json={"billing_type": "VM"}))


def test_all_rates_and_features_are_set_and_listed(client: TestClient, book: Database) -> None:
    with book.connect() as connection:
        connection.execute(
            """UPDATE plans SET features = '{"soc": "Arctic Wolf", "sat": "KnowBe4"}' WHERE month > '2025-01-01'"""
        )
    rates = [name for name in exactly(client.get("/api/plans"))[0] if name.startswith(("per_", "backup_"))]
    assert len(rates) == 11
    exactly(client.put(ACME, json={name: place for place, name in enumerate(rates)}))
    effective = bill(client)["effective_rates"]
    assert [effective[name] for name in rates] == list(range(11))
    path = "/api/overrides/features/620500"
    assert bill(client)["plan_features"] == {"soc": "Arctic Wolf", "sat": "KnowBe4"}
    found = exactly(client.put(path, json={"soc": "RocketCyber", "coffee": "black"}))
    assert (found["message"], found["ignored"]) == ("Feature overrides updated: soc", ["coffee"])
    assert ["'RocketCyber' is no option" in note for note in found["notes"]] == [True]
    assert exactly(client.put(path, json={"soc": "Arctic Wolf"})) == {
        "message": "Feature overrides updated: soc"
    }
    exactly(client.put(path, json={"soc": "RocketCyber"}))
    assert exactly(client.get(path)) == {
        "feature_overrides": [{"feature_type": "soc", "override_enabled": True, "value": "RocketCyber"}]
    }
    billed = bill(client)
    assert (billed["plan_features"]["soc"], billed["feature_override_status"]) == (
        "RocketCyber",
        {"soc": True},
    )
    for _ in range(2):
        exactly(client.delete(f"{path}/soc"))
    assert exactly(client.get(path)) == {"feature_overrides": []}


def test_what_an_edit_does_not_bill_is_said(client: TestClient, book: Database) -> None:
    once = {"name": "Once", "one_off_fee": 5, "one_off_year": 2025, "one_off_month": 1}
    added = exactly(client.post("/api/overrides/line-items/620500", json=once), 201)
    assert ["2025-01 is closed" in note for note in added["notes"]] == [True]
    moved = exactly(client.put(f"/api/overrides/line-items/620500/{added['id']}", json={"one_off_month": 3}))
    assert moved == {"message": "Line item updated"}
    for account, plan, said in (
        ("620500", "Nowhere", ["no plan 'Nowhere'"]),
        ("620500", "Gold", []),
        ("620500", "inactive", []),
    ):
        body = {"billing_plan": plan, "per_vm_cost": 1}
        notes = exactly(client.put(f"/api/overrides/client/{account}", json=body)).get("notes", [])
        assert [word in note for word, note in zip(said, notes, strict=True)] == [True] * len(said)
    client.put(ACME, json={"billing_plan": "Nowhere"})
    assert "is on the plan 'Nowhere'" in exactly(client.get("/api/billing/620500"), 422)["error"]
    later = exactly(client.put(f"{ACME}?from_month=2025-03", json={"per_user_cost": 7}))
    # The plan of the row that held until then goes on.
    assert ["no plan 'Nowhere'" in note for note in later["notes"]] == [True]


def test_where_nothing_begins_in_a_month_it_is_said_what_holds_then(
    client: TestClient, book: Database
) -> None:
    with book.connect() as connection:
        connection.execute("INSERT INTO feature_options (feature_type, value) VALUES ('soc', 'x')")
    for kind, body in (
        ("client/620547", {"per_user_cost": 7}),
        ("asset/11", {"billing_type": "VM"}),
        ("user/13", {"billing_type": "Paid"}),
        ("features/620547", {"soc": "x"}),
    ):
        path = f"/api/overrides/{kind}"
        assert "ask" not in exactly(client.get(path)).get("message", "")
        exactly(client.put(f"{path}?from_month=2025-02", json=body))
        said = {
            month: exactly(client.get(path, params={"from_month": month} if month else {})).get("message", "")
            for month in ("", "2025-01", "2025-02", "2025-03")
        }
        since = "what begins in 2025-02: ask with ?from_month=2025-02."
        for month in ("", "2025-01"):
            assert said[month].endswith(f"Later there holds {since}"), kind
        assert said["2025-02"] == ""
        assert said["2025-03"].endswith(f"In 2025-03 there holds {since}"), kind
        exactly(client.put(path, json=body))
        earlier = exactly(client.get(path, params={"from_month": "2025-01"}))["message"]
        assert "In 2025-01 there holds what holds in all months: ask without from_month." in earlier
        assert exactly(client.get(path))["message"] == f"Later there holds {since}"


def test_an_edit_from_a_month_that_the_ledger_does_not_have_says_so(client: TestClient) -> None:
    once = {"name": "Once", "one_off_fee": 5, "one_off_year": 2009, "one_off_month": 5}
    for path, body, said in (
        (
            f"{ACME}?from_month=2009-01",
            {"per_user_cost": 7},
            "2009-01, which is before the ledger's first month",
        ),
        (f"{ACME}?from_month=2031-01", {"per_user_cost": 7}, "It holds from 2031-01 on"),
        ("/api/overrides/asset/11?from_month=2031-01", {"billing_type": "VM"}, "last month is 2025-03"),
        ("/api/overrides/line-items/620500", once, "is on no statement"),
    ):
        assert any(said in note for note in client.post(path, json=body).json()["notes"]), path
    for query in ("", "?from_month=2025-02", "?from_month=2025-03"):
        assert "notes" not in exactly(client.put(f"{ACME}{query}", json={"per_user_cost": 8})), query


def test_what_a_later_month_does_not_say_stays_as_it_was_in_effect_then(client: TestClient) -> None:
    exactly(client.put(ACME, json={"per_user_cost": 7, "per_vm_cost": 0, "prepaid_hours_monthly": 2}))
    exactly(client.put(f"{ACME}?from_month=2025-02", json={"per_user_cost": 8}))
    exactly(client.put(f"{ACME}?from_month=2025-03", json={"per_user_cost": None, "per_server_cost": 90}))
    rows = [
        exactly(client.get(f"{ACME}?from_month={month}"))["overrides"] for month in ("2025-02", "2025-03")
    ]
    shared = {
        "company_account_number": "620500",
        "per_vm_cost": Decimal(0),
        "prepaid_hours_monthly": Decimal(2),
        "prepaid_hours_yearly": Decimal(0),
    }
    assert rows == [shared | {"per_user_cost": Decimal(8)}, shared | {"per_server_cost": Decimal(90)}]
    billed = exactly(client.get("/api/billing/620500?year=2025&month=3"))["effective_rates"]
    assert (billed["per_vm_cost"], billed["per_server_cost"]) == (Decimal(0), Decimal(90))
    path = "/api/overrides/manual-assets/620547"
    device = {"hostname": "spare", "billing_type": "Custom", "custom_cost": 5, "notes": "cellar"}
    exactly(client.post(path, json=device), 201)
    exactly(
        client.post(f"{path}?from_month=2025-03", json={"hostname": "spare", "billing_type": "Custom"}), 201
    )
    listed = exactly(client.get(path))["manual_assets"]
    assert [(one["custom_cost"], one["notes"]) for one in listed] == [(Decimal(5), "cellar")] * 2


def test_of_features_none_is_half_written(client: TestClient, book: Database) -> None:
    path = "/api/overrides/features/620500"
    with book.connect() as connection:
        connection.execute(
            """UPDATE plans SET features = '{"soc": "x", "sat": "y"}' WHERE month > '2025-01-01'"""
        )
    refused = client.put(path, json={"sat": "A", "soc": "x" * 10_001})
    assert refused.status_code == 422
    assert exactly(client.get(path)) == {"feature_overrides": []}
    with book.connect() as connection:
        connection.execute("""ALTER TABLE client_feature_overrides ADD CHECK (value <> 'B')""")
    assert client.put(path, json={"sat": "A", "soc": "B"}).status_code == 422
    assert exactly(client.get(path)) == {"feature_overrides": []}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/api/overrides/features/1", json.dumps({"sat": "y", "soc": "x" * 10_001})),
        ("PUT", ACME, '{"per_user_cost": NaN}'),
        ("PUT", ACME, '{"per_user_cost": -1}'),
        ("PUT", ACME, '{"per_user_cost": "1e999999"}'),
        ("PUT", ACME, '{"per_user_cost": 1.23456}'),
        ("PUT", ACME, '{"per_user_cost": [1]}'),
        ("PUT", ACME, '{"billing_plan": "a\\u0000b"}'),
        ("PUT", ACME, '{"billing_plan": "\\ud800"}'),
        ("PUT", ACME, "[1]"),
        ("PUT", f"{ACME}?from_month=2025-13", '{"per_user_cost": 1}'),
        ("PUT", f"/api/overrides/asset/{2**63}", '{"billing_type": "VM"}'),
        ("PUT", "/api/overrides/asset/1", '{"billing_type": "Toaster"}'),
        ("PUT", "/api/overrides/asset/1", '{"billing_type": "Custom"}'),
        ("GET", "/api/overrides/user/-1", ""),
        ("GET", "/api/billing/620500?year=2025&month=13", ""),
        ("GET", "/api/billing/620500?year=2025", ""),
        ("GET", "/api/billing/no-plan", ""),
        ("GET", "/api/billing/off", ""),
        ("GET", "/api/overrides/client/a%00b", ""),
        ("POST", "/api/overrides/line-items/1", '{"name": "x", "yearly_fee": 1, "yearly_bill_month": 13}'),
        (
            "POST",
            "/api/overrides/line-items/1",
            '{"name": "x", "one_off_year": 99999999999, "one_off_fee": 1}',
        ),
        ("POST", "/api/overrides/line-items/1", '{"name": "x"}'),
        ("PUT", "/api/overrides/features/1", '{"soc": 5}'),
    ],
)
def test_what_cannot_be_is_a_sentence_and_nothing_is_changed(
    client: TestClient, book: Database, method: str, path: str, body: str
) -> None:
    with book.connect() as connection:
        connection.execute(
            "INSERT INTO feature_options (feature_type, value) VALUES ('soc', 'x'), ('sat', 'y')"
        )
    before = len(list_edits(book, EditFilter()))
    headers = {"Content-Type": "application/json"}
    answer = client.request(method, path, content=body.encode() or None, headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"].endswith(".")
    assert len(list_edits(book, EditFilter())) == before


def test_who_is_unknown_is_not_found_and_bills_are_not_accepted(
    client: TestClient, client_of: Callable[[str | None], TestClient]
) -> None:
    exactly(client.get("/api/billing/999999"), 404)
    assert "/periods" in exactly(client.post("/api/bill/accept", json={}), 409)["error"]
    assert exactly(client.get("/api/bill/check-archived/620500?year=2025&month=1")) == {
        "invoice_number": "620500-202501",
        "is_archived": True,
    }
    # A ledger without statements.
    empty = client_of("technician")
    exactly(empty.get("/api/billing/dashboard"), 404)
    exactly(empty.get(ACME), 403)
    assert exactly(empty.get("/api/plans")) == []
