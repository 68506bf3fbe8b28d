"""Datto RMM: devices with what is backed up of them, and the account numbers of their sites (wire/datto.md).

Here: what is asked of Datto RMM, page by page, and what its answers mean as a whole. Not here: how its records look
(`models`), and how one gets in (`login`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Unpack
from urllib.parse import quote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import ConfigurationError, Problem
from ledger_pipelines.sources.base import ClientOptions, RecordCount, SourceClient
from ledger_pipelines.sources.datto.login import DattoToken
from ledger_pipelines.sources.datto.models import BACKUP_FIELD, DEVICE
from ledger_pipelines.sources.http.bodies import UnreadableBodyError, read_json
from ledger_pipelines.sources.http.clock import Clock
from ledger_pipelines.sources.http.credentials import HeaderKey, usable_key
from ledger_pipelines.sources.http.failures import Address, AnswerError
from ledger_pipelines.sources.http.limits import RateLimit, run_concurrently
from ledger_pipelines.sources.http.redaction import safe_url
from ledger_pipelines.sources.http.retries import RetryPolicy
from ledger_pipelines.sources.records.frames import PageReader
from ledger_pipelines.sources.records.lists import incomplete_list
from ledger_pipelines.sources.records.wire_types import key_of

INTEGRATION = "datto"
PAGE_SIZE = 250
_API = "/api/v2"
#: Everybody's: Basic of public-client:public.
_PUBLIC_CLIENT = "Basic cHVibGljLWNsaWVudDpwdWJsaWM="
#: Requests a minute of the 600: from 540 on Datto RMM delays, and others ask with the same account.
_REQUESTS = 480
_MINUTE = 60.0
#: Who goes on after a 429 is blocked: a minute is waited, and not often.
_RETRIES = RetryPolicy(attempts_at={429: 2}, pauses_at={429: _MINUTE})
_ACCOUNT_VARIABLE = "account_number"
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class DevicesRead:
    """Devices that are not deleted (DEVICES), and the account numbers that the variables of their sites say, by the
    site's uid. `unreadable` are the uids of devices among the problems; `is_whole` says whether all were shown.
    """

    devices: pa.Table
    accounts: Mapping[str, str]
    unreadable: frozenset[str]
    problems: list[Problem]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class _Page:
    records: list[Any]
    following: str | None
    total: int


class DattoClient(SourceClient):
    """A client of one Datto RMM account; `backup_udf` is the user-defined field with the backed-up bytes.

    Every method may raise SourceUnavailableError when Datto RMM cannot be reached or answers with something else, and
    CredentialRefusedError when it refuses the key. Raises ConfigurationError for an unusable address, key or secret.
    """

    name = "Datto RMM"
    counted = "devices"

    def __init__(
        self, url: str, key: str, secret: str, backup_udf: int = 6, **options: Unpack[ClientOptions]
    ) -> None:
        advice = (
            "check DATTO_API_KEY and DATTO_API_SECRET; an account that asked too often is blocked for five minutes, so "
            "wait that long before another try."
        )
        plain = url.strip().rstrip("/").removesuffix(_API)
        address = Address(self.name, plain, "DATTO_URL", advice)
        super().__init__(address, **options)
        self._retries = self._retries or _RETRIES
        self._field = f"udf{backup_udf}"
        self._time = self._clock or Clock()
        limit = RateLimit(_REQUESTS, self._clock)
        door = self._connect(HeaderKey("Authorization", _PUBLIC_CLIENT), limit=limit)
        token = DattoToken(
            usable_key(key, "DATTO_API_KEY"), usable_key(secret, "DATTO_API_SECRET"), door, self._time
        )
        self._source = self._connect(token, connections=_AT_ONCE, limit=limit)

    def _identity(self) -> str:
        return "the holder of DATTO_API_KEY"

    def _count_records(self) -> RecordCount:
        return RecordCount(self._page("/account/devices", "devices", 0).total)

    def devices(self) -> DevicesRead:
        """All devices of the account that are not deleted, with the account numbers of the sites that have backups.

        Raises ConfigurationError where no device has the user-defined field, whatever is in it.
        """
        self._wait_for_room()
        reader = PageReader(INTEGRATION, DEVICE)
        ids: set[str] = set()
        total = 0
        has_field: set[bool] = set()
        for page in self._pages("/account/devices", "devices"):
            ids |= _ids(page.records)
            total = page.total
            for record in page.records:
                if (fields := _fields_of(record)) is not None:
                    has_field.add(self._field in fields)
            reader.add([self._with_backup(record) for record in page.records])
        if has_field == {False}:
            raise ConfigurationError(
                f"No device of {self.name} has the user-defined field {self._field}, so that nothing is known of what is "
                "backed up: check DATTO_BACKUP_UDF."
            )
        reading = reader.reading()
        problems = list(reading.problems)
        is_whole = len(ids) >= total
        if not is_whole:
            message = (
                f"{self.name} says that it has {total:,} devices and shows {len(ids):,}, so what was read before of the "
                "others is kept: run again, and see in Datto RMM which are missing."
            )
            problems.append(incomplete_list(INTEGRATION, DEVICE, "devices", message))
        present = reading.frame.filter(pc.invert(reading.frame["is_deleted"]))
        return DevicesRead(
            present,
            self._accounts(present),
            frozenset(one.external_id for one in reading.problems if one.is_blocking),
            problems,
            is_whole,
        )

    def _with_backup(self, record: object) -> object:
        """A record with the backup's user-defined field in the place of all of them; without any where it is not there.

        A field that is not shown is not empty, but on a deleted device, which bears on nothing.
        """
        fields = _fields_of(record)
        if fields is None or not isinstance(record, Mapping):
            return record
        others = {name: value for name, value in record.items() if name != BACKUP_FIELD}
        is_known = self._field in fields or record.get("deleted") is True
        return {**others, BACKUP_FIELD: fields.get(self._field)} if is_known else others

    def _accounts(self, devices: pa.Table) -> dict[str, str]:
        """The variable account_number of each site that has something backed up."""
        backed_up = devices.filter(pc.field("backup_bytes") > 0)
        sites: list[Any] = backed_up["site_uid"].drop_null().unique().to_pylist()
        calls = [lambda site=site: self._account_of(site) for site in sorted(sites)]
        found = zip(sorted(sites), run_concurrently(calls, _AT_ONCE), strict=True)
        return {site: account for site, account in found if account is not None}

    def _account_of(self, site: str) -> str | None:
        path = f"/site/{quote(site, safe='')}/variables"
        for page in self._pages(path, "variables"):
            for record in page.records:
                if isinstance(record, Mapping) and record.get("name") == _ACCOUNT_VARIABLE:
                    return key_of(record.get("value"))
        return None

    def _pages(self, path: str, member: str) -> Iterator[_Page]:
        """The pages of a list, also where one that should be followed says nothing of the next one.

        Raises AnswerError for a page that shows what the pages before it have shown, and nothing else.
        """
        number, seen, is_announced = 0, set[str](), True
        while True:
            page = self._page(path, member, number)
            ids = _ids(page.records)
            if ids and ids <= seen:
                if not is_announced:
                    return
                raise AnswerError(
                    f"{self.name} sent the same records again as page {number} of {self._source.url(_API + path)}: "
                    "try again later.",
                    reason="body",
                )
            seen |= ids
            yield page
            is_announced = page.following is not None
            if not is_announced and not (len(seen) < page.total and page.records):
                return
            number += 1

    def _page(self, path: str, member: str, number: int) -> _Page:
        route = "/site/{uid}/variables" if member == "variables" else path
        params = {"page": str(number), "max": str(PAGE_SIZE)}
        page = self._source.get(_API + path, lambda body: _page_of(body, member), route=route, params=params)
        if page.following is not None:
            # The address drops our other parameters, so that it is not followed; but it must be of this list.
            ours, theirs = urlsplit(self._address.url + _API + path), urlsplit(page.following)
            if (ours.scheme, ours.netloc, ours.path) != (theirs.scheme, theirs.netloc, theirs.path):
                raise AnswerError(
                    f"{self.name} names {safe_url(page.following)} as the page after page {number} of "
                    f"{self._source.url(_API + path)}, where it cannot be: check DATTO_URL.",
                    reason="body",
                )
        return page

    def _wait_for_room(self) -> None:
        """Waits a minute where others have used up what the account may ask."""
        body = self._source.get(_API + "/system/request_rate", read_json)
        rate = body if isinstance(body, Mapping) else {}
        count, most = rate.get("accountCount"), rate.get("accountRateLimit")
        if type(count) is int and type(most) is int and count * 10 >= most * 8:
            self._time.sleep(_MINUTE)


def _fields_of(record: object) -> Mapping[str, Any] | None:
    """A device's user-defined fields, where it shows any."""
    fields = record.get(BACKUP_FIELD) if isinstance(record, Mapping) else None
    return fields if isinstance(fields, Mapping) else None


def _ids(records: list[Any]) -> set[str]:
    return {
        str(record.get("uid", record.get("id", record.get("name"))))
        for record in records
        if isinstance(record, Mapping)
    }


def _page_of(body: IO[bytes], member: str) -> _Page:
    answer = read_json(body)
    fields = answer if isinstance(answer, Mapping) else {}
    records, details = fields.get(member), fields.get("pageDetails")
    if not isinstance(records, list) or not isinstance(details, Mapping):
        raise UnreadableBodyError(f"a page of {member} was promised, and something else came")
    # Without them a first page would be taken for the whole list.
    following, total = details.get("nextPageUrl", 0), details.get("totalCount")
    if following is not None and not isinstance(following, str):
        raise UnreadableBodyError("nothing says whether there is a next page")
    if type(total) is not int or total < 0:
        raise UnreadableBodyError(f"nothing says how many {member} there are")
    return _Page(records, following or None, total)
