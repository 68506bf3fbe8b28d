"""4Geeks (BreatheCode): students, and their memberships of cohorts (wire/fourgeeks.md).

Here: what is asked of 4Geeks, page by page. Not here: who we are to it (`fourgeeks_login`), nor how its records
look (`fourgeeks_models`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self

from ledger_pipelines.errors import ConfigurationError, LedgerError
from ledger_pipelines.sources.base import SourceCheck
from ledger_pipelines.sources.bodies import UnreadableBodyError, read_json
from ledger_pipelines.sources.clock import Clock
from ledger_pipelines.sources.credentials import usable_key
from ledger_pipelines.sources.failures import Address, AnswerError
from ledger_pipelines.sources.fourgeeks_login import AcademyToken, Login
from ledger_pipelines.sources.fourgeeks_models import MEMBERSHIP, STUDENT
from ledger_pipelines.sources.frames import Entity, PageReader, Reading
from ledger_pipelines.sources.http import HttpSource
from ledger_pipelines.sources.retries import RetryPolicy

INTEGRATION = "4geeks"
PAGE_SIZE = 1000

_STUDENTS = "/auth/academy/student"
_MEMBERSHIPS = "/admissions/academy/cohort/user"
#: By id, so that what comes into being meanwhile is at the end, and moves no other record to another page.
_SORT = "id"


@dataclass(frozen=True, slots=True)
class _Page:
    """One page of a list: the records, how many the whole list has, and whether more follow."""

    records: list[Any]
    count: int
    has_next: bool


class FourGeeksClient:
    """A client of one academy of 4Geeks. Opens no connection before it is asked for something.

    With a token it is used; without one, or when it is refused, `email` and `password` log in once for all that
    follows. Every method may raise SourceUnavailableError when 4Geeks cannot be reached or answers with something
    else, and CredentialRefusedError when it refuses us. Raises ConfigurationError for an unusable address, or
    without a way to sign in. `timeout` is the number of seconds without a byte that end a request.
    """

    name = "4Geeks"

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        email: str | None = None,
        password: str | None = None,
        academy: int | str = 6,
        timeout: float = 30.0,
        requests_per_minute: int = 240,
        retries: RetryPolicy | None = None,
        clock: Clock | None = None,
    ) -> None:
        login = Login(email.strip(), password) if email and password else None
        if login is None and not token:
            raise ConfigurationError(
                "Set FOURGEEKS_TOKEN, or FOURGEEKS_EMAIL and FOURGEEKS_PASSWORD: 4Geeks wants to know who we are."
            )
        means = "FOURGEEKS_EMAIL and FOURGEEKS_PASSWORD" if login else "FOURGEEKS_TOKEN"
        who = login.email if login and not token else "the holder of FOURGEEKS_TOKEN"
        self._identity = f"{who} in academy {academy}"
        advice = f"check {means}, and that FOURGEEKS_ACADEMY is an academy to read with it."
        address = Address(self.name, url, "FOURGEEKS_URL", advice)

        def source(credential: AcademyToken | None) -> HttpSource:
            return HttpSource(
                address,
                credential=credential,
                requests_per_minute=requests_per_minute,
                read_timeout=timeout,
                connections=1,
                retries=retries,
                clock=clock,
            )

        self._credential = AcademyToken(
            usable_key(str(academy), "FOURGEEKS_ACADEMY"),
            usable_key(token, "FOURGEEKS_TOKEN") if token else None,
            login,
            source(None),
        )
        self._source = source(self._credential)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connections back."""
        self._source.close()
        self._credential.close()

    def check(self) -> SourceCheck:
        """Whether 4Geeks answers, who we are to it, how many students it shows; raises no LedgerError."""
        try:
            count = self._page(_STUDENTS, {}, limit=1, offset=0).count
        except LedgerError as error:
            return SourceCheck(self.name, False, None, None, str(error))
        detail = f"{self.name} at {self._source.shown_url} shows {count:,} students to {self._identity}."
        return SourceCheck(self.name, True, self._identity, count, detail)

    def students(self) -> Reading:
        """Every student of the academy (`STUDENTS`, sorted by id)."""
        return self._read(STUDENT, _STUDENTS, {})

    def memberships(self) -> Reading:
        """Every student's membership of a cohort (`MEMBERSHIPS`, sorted by id). 4Geeks cannot bound their dates."""
        return self._read(MEMBERSHIP, _MEMBERSHIPS, {"roles": "STUDENT"})

    def _read(self, entity: Entity, path: str, params: Mapping[str, str]) -> Reading:
        reader = PageReader(INTEGRATION, entity)
        for page in self._pages(path, params):
            reader.add(page.records)
        return reader.reading()

    def _pages(self, path: str, params: Mapping[str, str]) -> Iterator[_Page]:
        """The pages of a list, to the end that 4Geeks names."""
        offset = 0
        while True:
            page = self._page(path, params, limit=PAGE_SIZE, offset=offset)
            offset += len(page.records)
            if offset < page.count and not (page.has_next and page.records):
                raise AnswerError(
                    f"{self.name} ended its list at {offset:,} of {page.count:,} records at "
                    f"{self._source.url(path)}: try again.",
                    reason="body",
                )
            yield page
            if offset >= page.count:
                return

    def _page(self, path: str, params: Mapping[str, str], *, limit: int, offset: int) -> _Page:
        # Without `cache=false` an answer may be hours old; without a limit it is the first 20 records.
        paging = {"limit": str(limit), "offset": str(offset), "sort": _SORT, "cache": "false"}
        return self._source.get(path, _read_page, params={**params, **paging})


def _read_page(body: IO[bytes]) -> _Page:
    answer = read_json(body)
    fields = answer if isinstance(answer, Mapping) else {}
    records, count = fields.get("results"), fields.get("count")
    if not isinstance(records, list) or type(count) is not int or "next" not in fields:
        raise UnreadableBodyError("a page was promised, and something else came")
    return _Page(records, count, fields["next"] is not None)
