"""4Geeks (BreatheCode): students, and their memberships of cohorts (wire/fourgeeks.md).

Here: what is asked of 4Geeks, academy by academy and page by page. Not here: who we are to it (`login`), nor how its
records look (`models`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Unpack

from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.sources.base import ClientOptions, RecordCount, SourceClient
from ledger_pipelines.sources.fourgeeks.login import AcademyToken, Login, Session
from ledger_pipelines.sources.fourgeeks.models import MEMBERSHIP, STUDENT
from ledger_pipelines.sources.http.bodies import UnreadableBodyError, read_json
from ledger_pipelines.sources.http.credentials import usable_key
from ledger_pipelines.sources.http.exchange import HttpSource
from ledger_pipelines.sources.http.failures import Address, AnswerError
from ledger_pipelines.sources.records.frames import Entity, PageReader
from ledger_pipelines.sources.records.lists import ListReading, incomplete_list

INTEGRATION = "4geeks"
PAGE_SIZE = 1000

_STUDENTS = "/auth/academy/student"
_MEMBERSHIPS = "/admissions/academy/cohort/user"
#: By id, so that what comes into being meanwhile is at the end, and moves no other record to another page.
_SORT = "id"
#: How many times in all a list that changed while it was read is read.
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class _Page:
    """One page of a list: the records, how many the whole list has, and whether more follow."""

    records: list[Any]
    count: int
    has_next: bool


@dataclass(slots=True)
class _List:
    """A list as it was read once: its pages, how many records it says it has, and whether it held still."""

    pages: list[list[Any]] = field(default_factory=list)
    count: int = 0
    is_steady: bool = True

    def ids(self) -> list[Any]:
        """What its records are known by, in their order."""
        return [_id_of(record) for page in self.pages for record in page]


class FourGeeksClient(SourceClient):
    """A client of academies of 4Geeks.

    With a token it is used; without one, or when it is refused, `email` and `password` log in once for all that
    follows. `academy` is one, or several parted by commas: each is asked in turn, and one that fails fails the
    reading. Every method may raise SourceUnavailableError when 4Geeks cannot be reached or answers with something
    else, and CredentialRefusedError when it refuses us. Raises ConfigurationError for an unusable address, or
    without a way to sign in.
    """

    name = "4Geeks"
    counted = "students"

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        email: str | None = None,
        password: str | None = None,
        academy: int | str = 6,
        requests_per_minute: int = 240,
        **options: Unpack[ClientOptions],
    ) -> None:
        login = Login(email.strip(), password) if email and password else None
        if login is None and not token:
            raise ConfigurationError(
                "Set FOURGEEKS_TOKEN, or FOURGEEKS_EMAIL and FOURGEEKS_PASSWORD: 4Geeks wants to know who we are."
            )
        academies = [
            usable_key(part, "FOURGEEKS_ACADEMY") for part in str(academy).split(",") if part.strip()
        ]
        if not academies:
            raise ConfigurationError("FOURGEEKS_ACADEMY names no academy: write its number, or several: 6,7.")
        means = "FOURGEEKS_EMAIL and FOURGEEKS_PASSWORD" if login else "FOURGEEKS_TOKEN"
        who = login.email if login and not token else "the holder of FOURGEEKS_TOKEN"
        where = f"academ{'y' if len(academies) == 1 else 'ies'} {', '.join(academies)}"
        self._known_as = f"{who} in {where}"
        advice = f"check {means}, and that FOURGEEKS_ACADEMY is an academy to read with it."
        super().__init__(Address(self.name, url, "FOURGEEKS_URL", advice), **options)
        session = Session(
            usable_key(token, "FOURGEEKS_TOKEN") if token else None,
            login,
            self._connect(None, requests_per_minute=requests_per_minute),
        )
        self._academies = {
            number: self._connect(AcademyToken(number, session), requests_per_minute=requests_per_minute)
            for number in dict.fromkeys(academies)
        }

    def _identity(self) -> str:
        return self._known_as

    def _count_records(self) -> RecordCount:
        return RecordCount(
            sum(
                self._page(source, _STUDENTS, {}, limit=1, offset=0).count
                for source in self._academies.values()
            )
        )

    def students(self) -> ListReading:
        """Every student of the academies (`STUDENTS`, sorted by id)."""
        return self._read(STUDENT, _STUDENTS, {})

    def memberships(self) -> ListReading:
        """Every student's membership of a cohort (`MEMBERSHIPS`, sorted by id). 4Geeks cannot bound their dates."""
        return self._read(MEMBERSHIP, _MEMBERSHIPS, {"roles": "STUDENT"})

    def _read(self, entity: Entity, path: str, params: Mapping[str, str]) -> ListReading:
        """The lists of all academies; a list that never held still is a problem of its own."""
        reader = PageReader(INTEGRATION, entity)
        sizes, unsteady = {}, []
        for academy, source in self._academies.items():
            name = f"{entity.plural} of academy {academy}"
            found = self._steady_list(source, path, params)
            if not found.is_steady:
                message = (
                    f"{self.name}'s {name} changed each of the {_ATTEMPTS} times that they were read, so that some "
                    "may be missing and none is taken for gone: run again."
                )
                unsteady.append(incomplete_list(INTEGRATION, entity, name, message))
            for page in found.pages:
                reader.add(page)
            sizes[name] = found.count
        reading = reader.reading()
        return ListReading(reading.frame, reading.problems + unsteady, sizes)

    def _steady_list(self, source: HttpSource, path: str, params: Mapping[str, str]) -> _List:
        """The list as it was while nothing moved in it, or as two readings agree on it; else the last of some."""
        before: list[Any] | None = None
        for _ in range(_ATTEMPTS):
            found = self._list(source, path, params)
            ids = found.ids()
            found.is_steady = found.is_steady or ids == before
            if found.is_steady:
                break
            before = ids
        return found

    def _list(self, source: HttpSource, path: str, params: Mapping[str, str]) -> _List:
        """The list, to the end that 4Geeks names.

        Each page also asks for the first record of the next one: where another comes first there, a record of an
        earlier page is gone, and the one that moved over the border would be missed.
        """
        found, offset, border = _List(), 0, None
        while True:
            page = self._page(source, path, params, limit=PAGE_SIZE + 1, offset=offset)
            end = offset + len(page.records)
            is_last = end >= page.count
            if page.has_next == is_last or not (is_last or page.records):
                fault = (
                    "counts {:,} records and says that more follow"
                    if is_last
                    else "ended its list at {:,} of {:,} records"
                )
                raise AnswerError(
                    f"{self.name} {fault.format(end, page.count)} at {source.url(path)}: try again.",
                    reason="body",
                )
            if found.pages:
                moved = border is not None and (not page.records or _id_of(page.records[0]) != border)
                found.is_steady &= page.count == found.count and not moved
            is_full = not is_last and len(page.records) > PAGE_SIZE
            border = _id_of(page.records[PAGE_SIZE]) if is_full else None
            found.count = page.count
            found.pages.append(page.records[:PAGE_SIZE] if is_full else page.records)
            offset += len(found.pages[-1])
            if is_last:
                ids = [one for one in found.ids() if isinstance(one, int)]
                found.is_steady &= len(set(ids)) == len(ids)
                return found

    def _page(
        self, source: HttpSource, path: str, params: Mapping[str, str], *, limit: int, offset: int
    ) -> _Page:
        # Without `cache=false` an answer may be hours old; without a limit it is the first 20 records.
        paging = {"limit": str(limit), "offset": str(offset), "sort": _SORT, "cache": "false"}
        return source.get(path, _read_page, params={**params, **paging})


def _id_of(record: object) -> Any:
    """What a record of any quality is known by."""
    return record.get("id") if isinstance(record, Mapping) else None


def _read_page(body: IO[bytes]) -> _Page:
    answer = read_json(body)
    fields = answer if isinstance(answer, Mapping) else {}
    records, count = fields.get("results"), fields.get("count")
    if not isinstance(records, list) or type(count) is not int or "next" not in fields:
        raise UnreadableBodyError("a page was promised, and something else came")
    return _Page(records, count, fields["next"] is not None)
