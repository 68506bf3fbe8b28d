"""Datto RMM over real HTTP: its login, every page, every refusal, and what is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from ledger_pipelines.errors import ConfigurationError, CredentialRefusedError, SourceUnavailableError
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.datto.access import DATTO_API_KEY, DATTO_API_SECRET
from ledger_pipelines.sandbox.datto.routes import Requests
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.sources.datto.client import DattoClient
from ledger_pipelines.sources.datto.models import backup_bytes
from ledger_pipelines_tests.sources.conftest import FakeTime, ScriptedServer, reply

DEVICES = "/api/v2/account/devices"
TOKEN = {"access_token": "t", "expires_in": 360_000, "token_type": "bearer"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    config = SandboxConfig(until=date(2025, 12, 31), companies=15, students=1, invoices=1)
    with running_sandbox(config) as running:
        yield running


def client(sandbox: Sandbox, secret: str = DATTO_API_SECRET) -> DattoClient:
    return DattoClient(sandbox.datto_url, DATTO_API_KEY, secret)


def device(number: int, **more: Any) -> dict[str, Any]:
    return {"uid": f"d{number}", "hostname": f"H{number}", "udf": {"udf6": None}} | more


def page(devices: list[Any], total: int, following: str | None = None) -> Any:
    return reply({"pageDetails": {"totalCount": total, "nextPageUrl": following}, "devices": devices})


def script(server: ScriptedServer, *pages: Any) -> None:
    server.script("/auth/oauth/token", reply(TOKEN))
    server.script("/api/v2/system/request_rate", reply({"accountCount": 1, "accountRateLimit": 600}))
    server.script(DEVICES, *pages)


def read(server: ScriptedServer, fake_time: FakeTime) -> Any:
    with DattoClient(server.url, "k", "s", clock=fake_time.clock) as datto:
        return datto.devices()


@pytest.mark.parametrize(
    ("value", "stored"),
    [("1649267441664", 2**40 * 3 // 2), (str(2**50), 2**50), (" 7 ", 7), ("", None), (None, None), (5, 5)],
)
def test_bytes_are_exact(value: object, stored: int | None) -> None:
    assert backup_bytes(value) == stored


@pytest.mark.parametrize("value", ["1.5 TB", "1,000", "-1", "1e9", "1.0", True, [], "\u0663", "1" * 20])
def test_what_is_no_number_of_bytes_is_not_guessed_at(value: object) -> None:
    with pytest.raises(ValueError, match="no number of bytes"):
        backup_bytes(value)


@pytest.mark.parametrize("value", [str(2**50 + 1), str(2**63 - 1), 2**63])
def test_more_than_a_device_can_have_backed_up_is_not_believed(value: object) -> None:
    # 2^63 - 1 bytes at 10 a terabyte are 83,886,070.00.
    with pytest.raises(ValueError, match="more than a petabyte"):
        backup_bytes(value)


def test_all_pages_are_read_and_an_expired_token_is_renewed(sandbox: Sandbox) -> None:
    with client(sandbox) as datto:
        first = datto.devices()
        assert first.devices.num_rows == len(sandbox.fleet.devices) > 250
        assert first.is_whole
        assert set(first.accounts.values()) <= {company.account_number for company in sandbox.world.companies}
        assert first.accounts
        sandbox.fleet.expire()
        assert datto.devices().devices.equals(first.devices)
    stored = sum(first.devices["backup_bytes"].drop_null().to_pylist())  # type: ignore[arg-type]
    assert stored == sum(int(one["udf"]["udf6"] or 0) for one in sandbox.fleet.devices)


def test_a_wrong_secret_is_refused_in_a_sentence(sandbox: Sandbox) -> None:
    with client(sandbox, "wrong") as datto, pytest.raises(CredentialRefusedError, match="DATTO_API_SECRET"):
        datto.devices()


def test_who_goes_on_after_being_refused_is_blocked() -> None:
    now = 0.0
    requests = Requests(3, lambda: now)
    assert [requests.status() for _ in range(25)] == [200] * 3 + [429] * 21 + [403]
    now = 299.0
    assert requests.status() == 403
    now = 301.0
    assert requests.status() == 200


def test_after_a_refusal_a_minute_is_waited(scripted: ScriptedServer, fake_time: FakeTime) -> None:
    script(scripted, reply({}, 429), page([device(1)], 1))
    assert read(scripted, fake_time).devices.num_rows == 1
    assert fake_time.slept == [60.0]


def test_where_others_have_used_up_the_account_s_requests_a_minute_is_waited(
    scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    script(scripted, page([], 0))
    scripted.script("/api/v2/system/request_rate", reply({"accountCount": 550, "accountRateLimit": 600}))
    read(scripted, fake_time)
    assert fake_time.slept == [60.0]


def test_the_last_page_has_no_next_address_or_an_empty_one(
    scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    following = f"{scripted.url}{DEVICES}?page=1"
    script(scripted, page([device(1)], 2, following), page([device(2)], 2, ""))
    found = read(scripted, fake_time)
    assert (found.devices.num_rows, found.problems) == (2, [])
    # The next address drops the other parameters; we do not.
    asked = [seen.path for seen in scripted.seen if seen.path.startswith(DEVICES)]
    assert asked == [f"{DEVICES}?page=0&max=250", f"{DEVICES}?page=1&max=250"]


def test_a_list_that_is_shorter_than_its_total_is_not_whole(
    scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    script(scripted, page([device(1)], 3), page([], 3))
    found = read(scripted, fake_time)
    assert (found.devices.num_rows, found.is_whole) == (1, False)
    assert "says that it has 3 devices and shows 1" in found.problems[0].message


def test_a_page_that_does_not_say_whether_it_is_the_last_is_not_taken_for_the_whole_list(
    scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    full = [device(number) for number in range(250)]
    for details in (
        {"count": 250},
        {"count": 250, "totalCount": 612},
        {"count": 250, "nextPageUrl": None},
        {"count": 250, "nextPageUrl": None, "totalCount": "612"},
        {"count": 250, "nextPageUrl": 1, "totalCount": 612},
    ):
        script(scripted, reply({"pageDetails": details, "devices": full}))
        with pytest.raises(SourceUnavailableError, match="is not the JSON that it promises"):
            read(scripted, fake_time)


def test_what_cannot_be_the_next_page_is_not_followed(scripted: ScriptedServer, fake_time: FakeTime) -> None:
    script(scripted, page([device(1)], 2, "https://elsewhere.example/api/v2/account/devices?page=1"))
    with pytest.raises(SourceUnavailableError, match="where it cannot be: check DATTO_URL"):
        read(scripted, fake_time)
    script(scripted, page([device(1)], 2, f"{scripted.url}{DEVICES}?page=1"))
    with pytest.raises(SourceUnavailableError, match="sent the same records again as page 1"):
        read(scripted, fake_time)


def test_devices_that_cannot_be_read_are_named_and_deleted_ones_left_out(
    scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    devices = [
        device(1, udf=None, lastSeen="x", deviceType=None),
        device(2, udf={"udf6": "1.5 TB"}, siteName="Main"),
        device(3, deleted=True, udf={"udf6": "5"}),
        {"hostname": "H4", "udf": {}},
        {"uid": "d5", "hostname": "H5", "userDefinedFields": {"udf6": "5"}},
        device(6, siteId="100", udf={"udf6": "7"}),
    ]
    script(scripted, page(devices, 5))
    found = read(scripted, fake_time)
    # A site's id bears on nothing, and costs no device.
    assert found.devices.select(["uid", "site_id", "backup_bytes"]).to_pylist() == [
        {"uid": "d1", "site_id": None, "backup_bytes": None},
        {"uid": "d6", "site_id": None, "backup_bytes": 7},
    ]
    assert {"d2", "d5"} < found.unreadable
    said = [problem.message for problem in found.problems if problem.is_blocking]
    lost = "so that its backup is as it was read before, or not billed."
    assert sorted(said) == [
        f"Device H2 of site Main has the udf '1.5 TB', which is no number of bytes, {lost}",
        f"Device H4 has no udf and has no uid, {lost}",
        f"Device H5 has no udf, {lost}",
    ]


def test_a_field_that_is_not_shown_is_not_taken_for_empty(
    scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    # Empty would be a device that is not backed up any more, and 80.00 less.
    script(
        scripted,
        page(
            [device(1), device(2, udf={"udf7": "5"}), device(3, udf={}), device(4, udf={}, deleted=True)], 4
        ),
    )
    found = read(scripted, fake_time)
    assert (found.devices["uid"].to_pylist(), found.unreadable) == (["d1"], {"d2", "d3"})
    assert "Device H2 has no udf" in found.problems[0].message


def test_a_field_that_no_device_has_is_a_setting_to_mend(
    scripted: ScriptedServer, fake_time: FakeTime
) -> None:
    script(scripted, page([device(1, udf={"udf7": "5"}), device(2, udf=None), device(3, udf={})], 3))
    with pytest.raises(ConfigurationError, match=r"user-defined field udf6.*check DATTO_BACKUP_UDF"):
        read(scripted, fake_time)
