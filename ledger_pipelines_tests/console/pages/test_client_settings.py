"""A company's settings: edited in place, previewed without writing, never saved over somebody else's edit."""

from __future__ import annotations

import re

from ledger_pipelines.runs.webserver import DagsterAwayError
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.console.pages.editing import (
    SETTINGS,
    Clients,
    everything,
    one,
    sent_by,
)
from ledger_pipelines_tests.runs.standing_in import StandIn

AGREEMENT, CHARGE = f"{SETTINGS}/agreement", f"{SETTINGS}/charge"
_OVERRIDE = "SELECT {} FROM client_billing_overrides WHERE account_number = '620500'"
EVIL = "<script>alert(1)</script>{{ 7 * 7 }}'\" --"


def test_the_page_shows_the_plan_the_override_and_what_is_billed(
    editing: tuple[Database, StandIn, Clients],
) -> None:
    shown = editing[2]("billing").get(SETTINGS).text
    for words in ("Gold", "1 Year", "Prepaid hours a year", "in all months", "SW", "2025-01, stay"):
        assert words in shown
    sent = sent_by(shown, AGREEMENT)
    # 0 is an override; what is not overridden is empty.
    assert (sent["per_user_cost"], sent["per_server_cost"], sent["is_row"]) == ("0", "", "1")


def test_an_override_is_set_kept_at_0_and_taken_off_and_a_run_is_asked_for_once(
    editing: tuple[Database, StandIn, Clients],
) -> None:
    database, dagster, clients = editing
    clerk = clients("billing")
    sent = sent_by(clerk.get(SETTINGS).text, AGREEMENT)
    changed = {
        **sent,
        "per_server_cost": "12.50",
        "backup_per_tb_fee": "0",
        "per_user_cost": "",
        "reason": "by phone",
    }
    answered = clerk.post(AGREEMENT, data={**changed, "do": "save"})
    assert answered.status_code == 303
    shown = clerk.get(answered.headers["location"]).text
    assert "Saved:" in shown
    assert "by phone" in shown
    assert "Closed months stay as they are" in shown
    assert "are shown as they will be at once" in shown
    columns = "per_server_cost::text, per_server_cost_enabled, backup_per_tb_fee::text, per_user_cost_enabled"
    with database.connect() as connection:
        row = connection.execute(_OVERRIDE.format(columns)).fetchone()
        edit = connection.execute("SELECT person, reason FROM edits ORDER BY id DESC LIMIT 1").fetchone()
    assert row == ("12.5000", True, "0.0000", False)
    assert edit == ("billing", "by phone")
    again = sent_by(shown, AGREEMENT)
    assert (again["per_server_cost"], again["backup_per_tb_fee"], again["per_user_cost"]) == ("12.5", "0", "")
    clerk.post(AGREEMENT, data={**again, "per_server_cost": "13", "do": "save"})
    assert len(dagster.launched) == 1
    unchanged = clerk.post(AGREEMENT, data={**sent_by(clerk.get(SETTINGS).text, AGREEMENT), "do": "save"})
    assert "Nothing was changed" in clerk.get(unchanged.headers["location"]).text


def test_what_is_saved_stays_saved_where_dagster_is_away(editing: tuple[Database, StandIn, Clients]) -> None:
    database, dagster, clients = editing
    dagster.trouble.append(DagsterAwayError("Dagster does not answer."))
    clerk = clients("billing")
    sent = sent_by(clerk.get(SETTINGS).text, AGREEMENT)
    answered = clerk.post(AGREEMENT, data={**sent, "per_vm_cost": "7", "do": "save"})
    assert "Saved:" in clerk.get(answered.headers["location"]).text
    assert one(database, _OVERRIDE.format("per_vm_cost")) == 7


def test_a_preview_writes_nothing_and_shows_what_saving_makes(
    editing: tuple[Database, StandIn, Clients],
) -> None:
    database, _, clients = editing
    clerk = clients("billing")
    sent = {**sent_by(clerk.get(SETTINGS).text, AGREEMENT), "per_user_cost": "5.25"}
    before = everything(database)
    fragment = clerk.post(AGREEMENT, data={**sent, "do": "preview"}, headers={"HX-Request": "true"})
    whole = clerk.post(AGREEMENT, data={**sent, "do": "preview"})
    removal = clerk.post(AGREEMENT, data={**sent, "do": "preview-removal"})
    assert everything(database) == before
    assert [one.status_code for one in (fragment, whole, removal)] == [200, 200, 200]
    assert "<html" not in fragment.text
    for shown in (fragment.text, whole.text):
        # Three active people in each of two open months; the closed one is not among them.
        assert shown.count("+15.75") == 2
        assert "+31.50" in shown
        assert '<th scope="row">2025-01</th>' not in shown
    assert sent_by(whole.text, AGREEMENT)["per_user_cost"] == "5.25"
    assert "+" in removal.text


def test_of_two_who_edit_one_thing_the_second_is_told_and_loses_nothing(
    editing: tuple[Database, StandIn, Clients],
) -> None:
    database, _, clients = editing
    first, second = clients("admin"), clients("billing")
    theirs = sent_by(first.get(SETTINGS).text, AGREEMENT)
    mine = sent_by(second.get(SETTINGS).text, AGREEMENT)
    done = {**theirs, "per_server_cost": "77", "per_vm_cost": "8", "do": "save"}
    assert first.post(AGREEMENT, data=done).status_code == 303
    mine |= {"per_server_cost": "66", "per_switch_cost": "5", "reason": "mine", "do": "save"}
    answered = second.post(AGREEMENT, data=mine)
    assert answered.status_code == 409
    assert "admin changed the override of company 620500" in answered.text
    assert "“Server” from nothing to 77" in answered.text
    assert "“Virtual machine” from nothing to 8" in answered.text
    for words in ("None", "True", "per_server_cost_enabled from"):
        assert words not in answered.text
    assert one(database, _OVERRIDE.format("per_server_cost")) == 77
    told = sent_by(answered.text, AGREEMENT)
    # What I typed is there, what I did not touch is as it is now, and I see what the other wrote.
    assert (told["per_server_cost"], told["per_switch_cost"], told["per_vm_cost"]) == ("66", "5", "8")
    assert told["reason"] == "mine"
    assert "now 77" in answered.text
    assert second.post(AGREEMENT, data={**told, "do": "save"}).status_code == 303
    with database.connect() as connection:
        row = connection.execute(_OVERRIDE.format("per_server_cost, per_switch_cost, per_vm_cost")).fetchone()
    assert row == (66, 5, 8)


def test_another_month_makes_a_new_agreement_and_leaves_the_one_before(
    editing: tuple[Database, StandIn, Clients],
) -> None:
    database, _, clients = editing
    clerk = clients("billing")
    sent = {
        **sent_by(clerk.get(SETTINGS).text, AGREEMENT),
        "from_month": "2025-03",
        "per_vm_cost": "4",
        "do": "save",
    }
    assert clerk.post(AGREEMENT, data=sent).status_code == 303
    with database.connect() as connection:
        rows = connection.execute(
            _OVERRIDE.format("from_month::text, per_user_cost::int, per_vm_cost::int")
            + " ORDER BY from_month NULLS FIRST"
        ).fetchall()
    assert rows == [(None, 0, None), ("2025-03-01", 0, 4)]
    assert (
        "There is the override of company 620500 from 2025-03 already"
        in clerk.post(AGREEMENT, data=sent).text
    )
    of_march = sent_by(clerk.get(f"{SETTINGS}?agreement=2025-03").text, AGREEMENT)
    assert clerk.post(AGREEMENT, data={**of_march, "do": "remove"}).status_code == 303
    assert one(database, _OVERRIDE.format("count(*)")) == 1


def test_bad_values_are_one_sentence_on_the_page_with_the_form_as_it_was_sent(
    editing: tuple[Database, StandIn, Clients],
) -> None:
    database, _, clients = editing
    clerk = clients("billing")
    sent = sent_by(clerk.get(SETTINGS).text, AGREEMENT)
    before = everything(database)
    for name, value, words in (
        ("per_user_cost", "-1", "cannot be less than 0"),
        ("per_user_cost", "much", "“User” is &#39;much&#39;: write a number"),
        ("per_user_cost", "1.00001", "at most four decimals"),
        ("per_user_cost", "NaN", "write a number"),
        ("from_month", "2025-13", "is not a month"),
    ):
        answered = clerk.post(AGREEMENT, data={**sent, "per_server_cost": "9", name: value, "do": "save"})
        assert (answered.status_code, answered.text.count('role="alert"')) == (422, 1)
        assert words in answered.text
        kept = sent_by(answered.text, AGREEMENT)
        assert (kept[name], kept["per_server_cost"]) == (value, "9")
        partial = clerk.post(
            AGREEMENT, data={**sent, name: value, "do": "preview"}, headers={"HX-Request": "true"}
        )
        assert words in partial.text
    for kind, fields, words in (
        ("charge", {"name": "X", "kind": "once", "fee": "5"}, "needs its month"),
        ("charge", {"name": "X", "kind": "monthly"}, "sets nothing yet: fill in “Fee” or"),
        ("charge", {"kind": "monthly", "fee": "5"}, "“Name on the statement” is empty"),
        ("device", {"name": "99", "billing_type": "Server"}, "has no device"),
        ("device", {"name": "10", "was_from": "", "is_row": "", "billing_type": "Custom"}, "already"),
        ("manual-device", {"name": "X", "billing_type": "Custom"}, "“Billed as” Custom needs “Custom cost”"),
        ("manual-device", {"name": "X", "billing_type": "Toaster"}, "choose one of"),
    ):
        answered = clerk.post(f"{SETTINGS}/{kind}", data={**fields, "do": "save"})
        assert (answered.status_code, words in answered.text) == (422, True), (kind, fields)
    assert everything(database) == before
    assert clerk.post(f"{SETTINGS}/nonsense", data={}).status_code == 404
    assert clerk.get("/client/nobody/settings").status_code == 404
    assert clerk.post(AGREEMENT, data={"reason": "\x00"}).status_code == 422


def test_charges_devices_people_and_features_are_edited_in_place(
    editing: tuple[Database, StandIn, Clients],
) -> None:
    database, _, clients = editing
    clerk = clients("billing")
    charge = sent_by(clerk.get(f"{SETTINGS}?edit=charge").text, CHARGE)
    saved = clerk.post(
        CHARGE,
        data={**charge, "name": "Setup", "kind": "once", "fee": "250", "once_in": "2025-03", "do": "save"},
    )
    assert saved.status_code == 303
    shown = clerk.get(SETTINGS).text
    assert "once, in 2025-03" in shown
    number = one(database, "SELECT id FROM custom_line_items WHERE name = 'Setup'")
    opened = clerk.get(f"{SETTINGS}?edit=charge&name=Setup&is_row=1&was_from=&row_id={number}").text
    again = sent_by(opened, CHARGE)
    assert (again["kind"], again["fee"], again["once_in"]) == ("once", "250", "2025-03")
    clerk.post(CHARGE, data={**again, "kind": "yearly", "yearly_in": "7", "do": "save"})
    assert "each year, in July" in clerk.get(SETTINGS).text
    devices = clerk.get(f"{SETTINGS}?part=devices").text
    assert "PC0" in devices
    assert "Custom 12.3451" in devices
    device = sent_by(clerk.get(f"{SETTINGS}?part=devices&edit=device&name=11").text, f"{SETTINGS}/device")
    saved = clerk.post(f"{SETTINGS}/device", data={**device, "billing_type": "No Charge", "do": "save"})
    assert saved.headers["location"].startswith(f"{SETTINGS}?part=devices&saved=")
    assert (
        one(database, "SELECT billing_type FROM asset_billing_overrides WHERE asset_id = 11") == "No Charge"
    )
    assert "Person 3" in clerk.get(f"{SETTINGS}?part=people&q=person 3").text
    assert "Person 2" not in clerk.get(f"{SETTINGS}?part=people&q=person 3").text
    person = sent_by(clerk.get(f"{SETTINGS}?part=people&edit=person&name=13").text, f"{SETTINGS}/person")
    assert (
        clerk.post(f"{SETTINGS}/person", data={**person, "payment_type": "Paid", "do": "save"}).status_code
        == 303
    )
    feature = sent_by(clerk.get(f"{SETTINGS}?edit=feature").text, f"{SETTINGS}/feature")
    clerk.post(f"{SETTINGS}/feature", data={**feature, "name": "soc", "value": "Huntress", "do": "save"})
    assert (
        one(database, "SELECT value FROM client_feature_overrides WHERE account_number = '620500'")
        == "Huntress"
    )


def test_what_people_write_comes_out_as_text(editing: tuple[Database, StandIn, Clients]) -> None:
    database, _, clients = editing
    clerk = clients("billing")
    charge = {"name": EVIL, "kind": "monthly", "fee": "1", "description": EVIL, "reason": EVIL, "do": "save"}
    assert clerk.post(CHARGE, data=charge).status_code == 303
    number = one(database, "SELECT max(id) FROM custom_line_items")
    for address in (
        SETTINGS,
        f"{SETTINGS}?edit=charge&name=%3Cscript%3E",
        f"{SETTINGS}?saved={one(database, 'SELECT max(id) FROM edits')}",
        f"/history?q=<script>&account={EVIL}",
        f"/history/{one(database, 'SELECT max(id) FROM edits')}",
    ):
        shown = clerk.get(address)
        assert shown.status_code == 200
        assert "<script>alert" not in shown.text
        assert "49'" not in shown.text
    assert number is not None


def test_who_may(editing: tuple[Database, StandIn, Clients]) -> None:
    database, _, clients = editing
    before = everything(database)
    for permission in ("technician", "client", "service", "nobody"):
        wanted = 401 if permission == "nobody" else 403
        client = clients(permission)
        client.headers["Accept"] = "application/json"
        assert client.get(SETTINGS).status_code == wanted
        assert client.post(AGREEMENT, data={"per_user_cost": "1", "do": "save"}).status_code == wanted
    for permission in ("technician", "client", "service", "billing"):
        client = clients(permission)
        for address in ("/admin/plans", "/admin/features"):
            assert client.get(address).status_code == 403
            assert client.post(address, data={"name": "X", "do": "save"}).status_code == 403
    assert everything(database) == before


def test_a_form_of_a_session_that_has_ended_can_be_sent_again_once_one_is_signed_in(
    editing: tuple[Database, StandIn, Clients],
) -> None:
    database, _, clients = editing
    nobody, clerk = clients("nobody"), clients("billing")
    before = everything(database)
    sent = {**sent_by(clerk.get(SETTINGS).text, AGREEMENT), "per_vm_cost": "7", "reason": EVIL, "do": "save"}
    one_off = {"name": "Move", "amount": "5", "month": "2025-03", "reason": 'two\r\nlines "'}
    for action, given in ((f"{AGREEMENT}?part=people", sent), ("/client/620500/one-offs", one_off)):
        ended = nobody.post(action, data=given)
        assert (ended.status_code, "Sign in (opens another tab)" in ended.text) == (401, True)
        assert 'href="/login?next=/"' in ended.text
        assert "<script>alert" not in ended.text
        assert sent_by(ended.text, action) == given
        assert everything(database) == before
        assert clerk.post(action, data=sent_by(ended.text, action)).status_code == 303
        before = everything(database)
    assert one(database, _OVERRIDE.format("per_vm_cost")) == 7
    assert nobody.post(AGREEMENT, content=b"\xff", headers={"content-type": "text/plain"}).status_code == 401
    # What a foreign page sent is not offered to be sent again.
    for said in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}):
        refused = nobody.post(AGREEMENT, data=sent, headers=said)
        assert (refused.status_code, "Send it again" in refused.text) == (403, False)


def test_an_agreement_from_a_month_that_the_ledger_has_not_is_saved_with_a_warning(
    editing: tuple[Database, StandIn, Clients],
) -> None:
    clerk = editing[2]("billing")
    sent = sent_by(clerk.get(SETTINGS).text, AGREEMENT)
    for month, words in (
        ("2020-01", "from 2020-01, which is before the ledger&#39;s first month, 2024-01"),
        (
            "2031-01",
            "from 2031-01 on, and the ledger&#39;s last month is 2025-03: until then it changes nothing.",
        ),
        ("2025-02", ""),
    ):
        given = {**sent, "from_month": month, "per_vm_cost": "7"}
        previewed = clerk.post(AGREEMENT, data={**given, "do": "preview"}).text
        saved = clerk.post(AGREEMENT, data={**given, "do": "save"})
        for shown in (previewed, clerk.get(saved.headers["location"]).text):
            warned = re.findall(r'class="notice warn">(?:<p>)?It holds ([^<]*)', shown)
            assert [one[: len(words)] for one in warned] == ([words] if words else []), month
