"""What Datto RMM's records look like on the wire, and the frames that they become (wire/datto.md).

Here: wire models, schemas, and what each kind of record is called. Not here: how they are asked for (`client`), and
whose devices they are, which is a rule's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Required

import pyarrow as pa
from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, TypeAdapter, with_config
from typing_extensions import TypedDict

from ledger_pipelines.sources.records.frames import Entity, frame_schema
from ledger_pipelines.sources.records.wire_types import KeyText, LenientId, LenientText, OptionalText

_STRICT = ConfigDict(strict=True)
_BYTES = re.compile(r"\d{1,19}", re.ASCII)
#: No device has a petabyte backed up: what says so is another field, or a script's mistake, and would be billed.
_MOST_BYTES = 2**50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Milliseconds until the year 2200.
_LAST = 7_258_118_400_000
#: What of a device's user-defined fields is read: the client puts the backup's own in their place.
BACKUP_FIELD = "udf"


def backup_bytes(value: object) -> int | None:
    """Bytes as the user-defined field has them, as text; None where it is empty.

    Raises ValueError for anything else, and for more than a petabyte.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    text = str(value) if type(value) is int else value.strip() if isinstance(value, str) else ""
    if not _BYTES.fullmatch(text):
        raise ValueError("is no number of bytes")
    stored = int(text)
    if stored > _MOST_BYTES:
        raise ValueError("is more than a petabyte")
    return stored


def _moment(value: object) -> datetime | None:
    """Epoch milliseconds; an invalid value is ignored."""
    if type(value) is not int or not 0 < value < _LAST:
        return None
    return _EPOCH + timedelta(milliseconds=value)


def _category(value: object) -> str | None:
    """The category of a device's type, which bears on nothing."""
    found = value.get("category") if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else None


@with_config(_STRICT)
class DeviceWire(TypedDict, total=False):
    """A device, with the user-defined field that says what is backed up of it."""

    uid: Required[KeyText]
    hostname: LenientText
    site_id: Annotated[LenientId, Field(validation_alias="siteId")]
    site_uid: Annotated[OptionalText, Field(validation_alias="siteUid")]
    site: Annotated[OptionalText, Field(validation_alias="siteName")]
    category: Annotated[str | None, PlainValidator(_category), Field(validation_alias="deviceType")]
    last_seen: Annotated[datetime | None, PlainValidator(_moment), Field(validation_alias="lastSeen")]
    is_deleted: Annotated[bool | None, Field(validation_alias="deleted")]
    # A record without its user-defined fields does not say that they are empty.
    backup_bytes: Required[
        Annotated[int | None, PlainValidator(backup_bytes), Field(validation_alias=BACKUP_FIELD)]
    ]


def _device_row(device: DeviceWire) -> dict[str, Any]:
    return {**device, "is_deleted": bool(device.get("is_deleted"))}


_TEXT, _ID, _FLAG, _INSTANT = pa.string(), pa.int64(), pa.bool_(), pa.timestamp("us", "UTC")

DEVICES = frame_schema(
    uid_=_TEXT,
    hostname=_TEXT,
    site_id=_ID,
    site_uid=_TEXT,
    site=_TEXT,
    category=_TEXT,
    last_seen=_INSTANT,
    is_deleted_=_FLAG,
    backup_bytes=_ID,
)


def _describe(record: Mapping[str, Any], _: str | None) -> tuple[str | None, str]:
    uid, name = record.get("uid"), record.get("hostname")
    site = record.get("siteName", record.get("site"))
    called = f"Device {name}" if isinstance(name, str) and name.strip() else "A device"
    at_site = f" of site {site}" if isinstance(site, str) and site.strip() else ""
    return uid.strip() if isinstance(uid, str) and uid.strip() else None, called + at_site


OPERATION = "backup_usage"
DEVICE = Entity(
    "devices",
    "device",
    TypeAdapter(list[Annotated[DeviceWire, AfterValidator(_device_row)]]),
    DEVICES,
    ("uid",),
    _describe,
    operation=OPERATION,
    model=DeviceWire,
    lost=lambda _: "its backup is as it was read before, or not billed",
)
