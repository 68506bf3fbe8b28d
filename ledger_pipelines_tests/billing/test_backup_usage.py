"""Datto RMM's bytes as those of Codex's devices: what is billed, and what is named because nobody is billed for it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from ledger_pipelines.billing.backup_usage import (
    EMPTY,
    NO_DEVICE,
    NOT_LISTED,
    SEVERAL,
    SEVERAL_KINDS,
    emptied_devices,
    with_usage,
)
from ledger_pipelines.tables.codex import ASSETS, COMPANIES
from ledger_pipelines.tables.datto import BACKUP_USAGE

MARCH = date(2025, 3, 1)
TERABYTE = 2**40
OURS = {"account_number": "A1", "name": "Acme"}


def table(schema: pa.Schema, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([dict.fromkeys(schema.names) | row for row in rows], schema=schema)


def asset(number: int, hostname: str | None, stored: int = 0, **more: Any) -> dict[str, Any]:
    """A device of Codex's."""
    return {
        "month": MARCH,
        "account_number": "A1",
        "id": number,
        "hostname": hostname,
        "backup_data_bytes": stored,
        **more,
    }


def shown(uid: str, hostname: str | None, stored: int | None, **more: Any) -> dict[str, Any]:
    """A device of Datto RMM's."""
    return {"month": MARCH, "uid": uid, "hostname": hostname, "site": "Acme", "backup_bytes": stored, **more}


def claimed(
    assets: list[dict[str, Any]], usage: list[dict[str, Any]]
) -> tuple[dict[int, int], list[dict[str, Any]]]:
    """The bytes of each device of Codex by its id, and the bytes that nobody is billed for."""
    companies = table(COMPANIES.part(("account_number", "name")), [OURS])
    found = with_usage(table(ASSETS.schema, assets), table(BACKUP_USAGE.schema, usage), companies)
    rows = found.assets.to_pylist()
    return {row["id"]: row["backup_data_bytes"] for row in rows}, found.unbilled.to_pylist()


def test_an_empty_field_of_a_device_that_codex_knows_a_backup_of_is_named() -> None:
    stored, unbilled = claimed(
        [
            asset(1, "SRV01", 9 * TERABYTE),
            asset(2, "SRV02", TERABYTE),
            asset(3, "SRV03", 5),
            asset(4, "SRV04"),
        ],
        [shown("u1", "SRV01", None), shown("u3", "SRV03", 0), shown("u4", "SRV04", None)],
    )
    assert stored == {1: 0, 2: 0, 3: 0, 4: 0}
    # A field that says 0 says so; and where neither has anything nothing is lost.
    assert [(row["hostname"], row["reason"], row["bytes"]) for row in unbilled] == [
        ("SRV02", NOT_LISTED, TERABYTE),
        ("SRV01", EMPTY, 9 * TERABYTE),
    ]


def emptied(before: list[dict[str, Any]], now: list[dict[str, Any]], *unreadable: str) -> dict[str, Any]:
    """What the devices that have lost their bytes had and have, by their uid."""
    found = emptied_devices(
        table(BACKUP_USAGE.schema, now), table(BACKUP_USAGE.schema, before), unreadable=unreadable
    )
    return {row["uid"]: (row["bytes"], row["now"]) for row in found.to_pylist()}


def test_devices_are_emptied_whose_field_had_bytes_when_it_was_read_before() -> None:
    before = [shown("u1", "SRV01", 9 * TERABYTE), shown("u2", "SRV02", None), shown("u3", "SRV03", 7)]
    now = [shown("u1", "SRV01", None), shown("u2", "SRV02", None), shown("u4", "NEW", None)]
    assert emptied(before, now) == {"u1": (9 * TERABYTE, None)}


def test_a_backup_that_falls_to_nothing_or_changes_its_unit_is_emptied_and_a_cleanup_is_not() -> None:
    # 20.00 + 80.00 for 9 TB: a script that writes 0, terabytes, gigabytes or (grown by a tenth) kibibytes costs 80.00.
    for stored in (0, 9, 9 * 1024, 11 * TERABYTE // 10 * 9 // 1024):
        assert emptied([shown("u", "SRV01", 9 * TERABYTE)], [shown("u", "SRV01", stored)]) == {
            "u": (9 * TERABYTE, stored)
        }
    for stored in (9 * TERABYTE // 2, TERABYTE // 10, 20 * TERABYTE):
        assert emptied([shown("u", "SRV01", 9 * TERABYTE)], [shown("u", "SRV01", stored)]) == {}


def test_a_device_that_was_set_up_anew_is_the_one_of_its_name_and_site() -> None:
    before = [shown("old", "SRV01", 9 * TERABYTE), shown("other", None, 5)]
    assert emptied(before, [shown("new", " srv01", None)]) == {"new": (9 * TERABYTE, None)}
    # It has a backup again, is at another site, or stands beside the old one or one of the same name with a backup.
    for now in (
        [shown("new", "SRV01", 8 * TERABYTE)],
        [shown("new", "SRV01", None, site="Beta")],
        [shown("old", "SRV01", 9 * TERABYTE), shown("new", "SRV01", None)],
        [shown("a", "SRV01", None), shown("b", "SRV01", 9 * TERABYTE)],
        [shown("a", None, None)],
    ):
        assert emptied(before, now) == {}
    # What cannot be read keeps its own.
    assert emptied(before, [shown("new", "SRV01", None)], "old") == {}


def seen(day: int) -> dict[str, datetime]:
    return {"last_seen": datetime(2025, 3, day, tzinfo=UTC)}


def test_of_several_devices_with_one_name_those_seen_last_are_the_same() -> None:
    # WS01 was replaced: what was backed up of the old one is nobody's, and the new one has its own 2 TB.
    stored, unbilled = claimed(
        [asset(1, "WS01")],
        [
            shown("a", "WS01", 3 * TERABYTE, **seen(1)),
            shown("b", "ws01", 2 * TERABYTE, **seen(30)),
            shown("c", "WS01", None),
        ],
    )
    assert stored == {1: 2 * TERABYTE}
    assert [(row["device"], row["reason"], row["bytes"]) for row in unbilled] == [
        ("a", NO_DEVICE, 3 * TERABYTE)
    ]


def test_names_of_several_devices_are_named_where_it_matters_which_has_the_backup() -> None:
    # A base fee of 20.00 for the server, or one of 5.00 for the workstation.
    server, desktop = {"hardware_type": "Server"}, {"hardware_type": "Desktop"}
    for kinds, reason in (
        ([server, desktop], SEVERAL_KINDS),
        ([server, {"hardware_type": " server"}], SEVERAL),
    ):
        assets = [asset(1, "X", **kinds[0], **seen(2)), asset(2, "x", **kinds[1], **seen(3)), asset(3, "Y")]
        stored, unbilled = claimed(assets, [shown("a", "X", TERABYTE), shown("b", "Y", 5)])
        assert stored == {1: 0, 2: TERABYTE, 3: 5}
        assert [(row["device"], row["reason"], row["bytes"]) for row in unbilled] == [("x", reason, TERABYTE)]
        # All have one, or none has any: the bill is the same.
        for each in (TERABYTE, None):
            assert claimed(assets, [shown("a", "X", each), shown("b", "X", each)])[1] == []


def test_devices_without_a_name_are_told_apart_by_their_ids() -> None:
    _, unbilled = claimed([asset(1, None, 5), asset(2, None, 7)], [shown("a", None, 9)])
    assert sorted((row["device"], row["reason"], row["bytes"]) for row in unbilled) == [
        ("1", NOT_LISTED, 5),
        ("2", NOT_LISTED, 7),
        ("a", NO_DEVICE, 9),
    ]
