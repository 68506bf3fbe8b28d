"""Plans, feature options and the history of edits: who uses what, what an edit changes, and putting it back."""

from __future__ import annotations

from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.console.pages.editing import (
    SETTINGS,
    Clients,
    everything,
    one,
    sent_by,
)
from ledger_pipelines_tests.runs.standing_in import StandIn

PLANS, FEATURES = "/admin/plans", "/admin/features"
AGREEMENT = f"{SETTINGS}/agreement"


def test_plans_show_whose_they_are_and_who_is_on_them(editing: tuple[Database, StandIn, Clients]) -> None:
    admin = editing[2]("admin")
    listed = admin.get(PLANS).text
    assert "in place of Codex" in listed
    assert "not billed" in listed  # Inactive
    assert "no such plan" in listed  # Lead
    shown = admin.get(f"{PLANS}?plan=Gold").text
    assert "Company 1" in shown
    assert "Company 3" in shown
    assert "Company 2" not in shown


def test_a_plan_is_copied_previewed_over_its_companies_and_saved(
    editing: tuple[Database, StandIn, Clients],
) -> None:
    database, _, clients = editing
    admin = clients("admin")
    copied = sent_by(admin.get(f"{PLANS}?plan=Gold&copy=same&name=Gold&term=1+Year").text, PLANS)
    assert (copied["name"], copied["term"], copied["is_row"]) == ("Gold", "1 Year", "")
    before = everything(database)
    # 620500 has an override of 0: only the other company of the plan pays for its people.
    dearer = {**copied, "per_user_cost": str(float(copied["per_user_cost"]) + 1)}
    previewed = admin.post(PLANS, data={**dearer, "do": "preview"})
    assert everything(database) == before
    assert previewed.status_code == 200
    assert "+3.00" in previewed.text
    assert "Statements that change</dt><dd>1<" in previewed.text
    saved = admin.post(PLANS, data={**dearer, "do": "save"})
    assert saved.status_code == 303
    assert "in place of Codex" in admin.get(f"{PLANS}?plan=Gold").text
    new = sent_by(admin.get(f"{PLANS}?plan=Gold&copy=new&name=Gold&term=1+Year").text, PLANS)
    assert new["name"] == ""
    assert admin.post(PLANS, data={**new, "name": "Platinum", "do": "save"}).status_code == 303
    assert one(database, "SELECT count(*) FROM billing_plans WHERE billing_plan = 'Platinum'") == 1
    refused = admin.post(PLANS, data={**new, "name": "Platinum", "do": "save"})
    assert (refused.status_code, "already: change that one" in refused.text) == (422, True)


def test_a_plan_in_use_is_not_removed_and_who_is_on_it_is_told(
    editing: tuple[Database, StandIn, Clients],
) -> None:
    database, _, clients = editing
    admin = clients("admin")
    number, since = one(database, "SELECT id FROM billing_plans"), "2025-03"
    row = {"name": "Silver", "term": "1 year", "is_row": "1", "was_from": since, "row_id": str(number)}
    refused = admin.post(PLANS, data={**row, "do": "remove"})
    assert refused.status_code == 422
    assert "in use by 1 company: Company 2 (620521)" in refused.text
    edit = one(database, "SELECT id FROM edits WHERE table_name = 'billing_plans'")
    back = admin.post(f"/history/{edit}/put-back", data={"seen": str(10**6)})
    assert (back.status_code, "620521" in back.text) == (422, True)
    assert one(database, "SELECT count(*) FROM billing_plans") == 1
    assert (
        admin.post(
            PLANS, data={"name": "Lead", "term": "2 Year", "per_user_cost": "1", "do": "save"}
        ).status_code
        == 303
    )
    number = one(database, "SELECT max(id) FROM billing_plans")
    spare = {"name": "Lead", "term": "2 Year", "is_row": "1", "row_id": str(number)}
    assert admin.post(PLANS, data={**spare, "do": "remove"}).status_code == 303
    assert one(database, "SELECT count(*) FROM billing_plans") == 1


def test_a_feature_in_use_is_not_removed(editing: tuple[Database, StandIn, Clients]) -> None:
    database, _, clients = editing
    admin = clients("admin")
    option = {"name": "soc", "term": "Huntress", "display_name": "SOC", "do": "save"}
    assert admin.post(FEATURES, data=option).status_code == 303
    override = {"name": "soc", "value": "Huntress", "do": "save"}
    assert clients("billing").post(f"{SETTINGS}/feature", data=override).status_code == 303
    assert "620500" in admin.get(FEATURES).text
    gone = {"name": "soc", "term": "Huntress", "is_row": "1", "do": "remove"}
    refused = admin.post(FEATURES, data=gone)
    assert (refused.status_code, "in use by 620500" in refused.text) == (422, True)
    assert one(database, "SELECT display_name FROM feature_options") == "SOC"
    removal = {"name": "soc", "is_row": "1", "do": "remove"}
    assert clients("billing").post(f"{SETTINGS}/feature", data=removal).status_code == 303
    assert admin.post(FEATURES, data=gone).status_code == 303
    assert one(database, "SELECT count(*) FROM feature_options") == 0


def test_an_edit_is_found_previewed_and_put_back(editing: tuple[Database, StandIn, Clients]) -> None:
    database, _, clients = editing
    clerk = clients("billing")
    override = "SELECT per_user_cost::text FROM client_billing_overrides WHERE account_number = '620500'"
    sent = sent_by(clerk.get(SETTINGS).text, AGREEMENT)
    clerk.post(AGREEMENT, data={**sent, "per_user_cost": "9", "reason": "agreed in May", "do": "save"})
    edit = one(database, "SELECT max(id) FROM edits")
    for query, is_found in (
        ("q=agreed+in", True),
        ("account=620500&table=client_billing_overrides", True),
        ("person=billing", True),
        ("person=ada", False),
        ("account=620521", False),
        ("to=2001-01-01", False),
        ("from=2001-01-01&q=May", True),
        ("table=manual_users", False),
    ):
        assert ("agreed in May" in clerk.get(f"/history?{query}").text) == is_found, query
    assert "is no day" in clerk.get("/history?from=tomorrow").text
    before = everything(database)
    shown = clerk.get(f"/history/{edit}?back={SETTINGS}")
    assert everything(database) == before
    assert shown.text.count("-27.00") == 2
    form = sent_by(shown.text, f"/history/{edit}/put-back")
    stale = {**form, "seen": str(edit - 1)}
    answered = clerk.post(f"/history/{edit}/put-back", data={**form, "reason": "a slip"})
    assert answered.status_code == 303
    assert answered.headers["location"].startswith(f"{SETTINGS}?saved=")
    assert one(database, override) == "0.0000"
    assert one(database, "SELECT reason FROM edits ORDER BY id DESC LIMIT 1") == "a slip"
    # One is led to a page of the console, whatever the form says.
    undone = one(database, "SELECT max(id) FROM edits")
    away = {"seen": str(undone), "back": "//evil.example/settings"}
    led = clerk.post(f"/history/{undone}/put-back", data=away).headers["location"]
    assert led.startswith("/history?saved=")
    undone = one(database, "SELECT max(id) FROM edits")
    home = {"seen": str(undone), "back": "/client/6205 ÅØ/settings"}
    led = clerk.post(f"/history/{undone}/put-back", data=home).headers["location"]
    assert led.startswith("/client/6205%20%C3%85%C3%98/settings?saved=")
    assert clerk.get(led).status_code == 200
    again = clerk.post(f"/history/{edit}/put-back", data=stale)
    assert (again.status_code, one(database, override)) == (422, "0.0000")
    assert clerk.get("/history/99999999").status_code == 404
    assert clerk.get("/history/x").status_code == 404


def test_plans_are_put_back_by_an_administrator(editing: tuple[Database, StandIn, Clients]) -> None:
    database, _, clients = editing
    admin, clerk = clients("admin"), clients("billing")
    admin.post(PLANS, data={"name": "Gold", "term": "1 Year", "per_user_cost": "2", "do": "save"})
    number = one(database, "SELECT max(id) FROM billing_plans")
    row = {"name": "Gold", "term": "1 Year", "is_row": "1", "row_id": str(number), "per_user_cost": "3"}
    admin.post(PLANS, data={**row, "was-per_user_cost": "2", "do": "save"})
    edit = one(database, "SELECT max(id) FROM edits")
    shown = clerk.get(f"/history/{edit}").text
    assert "put back by an administrator" in shown
    assert "Companies on it" in shown
    form = {"seen": str(edit)}
    assert clerk.post(f"/history/{edit}/put-back", data=form).status_code == 403
    assert admin.post(f"/history/{edit}/put-back", data=form).status_code == 303
    assert one(database, f"SELECT per_user_cost::int FROM billing_plans WHERE id = {number}") == 2


def test_the_preview_of_a_new_plan_warns_of_what_will_be_free_in_the_forms_words(
    editing: tuple[Database, StandIn, Clients],
) -> None:
    database, _, clients = editing
    admin = clients("admin")
    new = sent_by(admin.get(f"{PLANS}?edit=new").text, PLANS) | {"name": "Bronze", "term": "1 Year"}
    given = {**new, "per_user_cost": "10", "per_server_cost": "0"}
    before = everything(database)
    shown = admin.post(PLANS, data={**given, "do": "preview"}).text
    warned = "Free of charge, because nothing or 0 was given: “Workstation”, “Server”, "
    assert warned in shown
    assert "“User”" not in shown
    assert "per_server_cost was" not in shown
    assert everything(database) == before
    saved = admin.post(PLANS, data={**given, "do": "save"})
    assert warned in admin.get(saved.headers["location"]).text
