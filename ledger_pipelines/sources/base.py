"""What every source is to the rest of the ledger: a client of one outside system, and how it answers a check.

Here: what all clients have. Not here: how a request goes out (`http`), nor what is asked of which system.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self, TypedDict

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sources.http.clock import Clock
from ledger_pipelines.sources.http.exchange import Credential, HttpSource
from ledger_pipelines.sources.http.failures import Address
from ledger_pipelines.sources.http.redaction import safe_url
from ledger_pipelines.sources.http.retries import RetryPolicy

#: Seconds without a byte that end a request.
TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """Whether a source answers, who we are to it, and how many records it shows.

    `identity` and `records` are None where the source did not come so far; `detail` is one sentence.
    """

    name: str
    ok: bool
    identity: str | None
    records: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class RecordCount:
    """How many records a check found; there may be more of them where not `is_all`."""

    count: int
    is_all: bool = True


class ClientOptions(TypedDict, total=False):
    """How patiently a client asks: `timeout` is the number of seconds without a byte that end a request."""

    timeout: float
    retries: RetryPolicy | None
    clock: Clock | None


class _Closable(Protocol):
    def close(self) -> None: ...


class SourceClient(ABC):
    """A client of an outside system, closed at the end of its `with` block. Opens no connection before it is asked.

    Raises ConfigurationError for an unusable address.
    """

    #: What people call the system, for example `Codex`.
    name: ClassVar[str]
    #: The records that `check` counts, for example `companies`.
    counted: ClassVar[str]

    def __init__(
        self,
        address: Address,
        *,
        timeout: float = TIMEOUT,
        retries: RetryPolicy | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._address = address
        self._timeout = timeout
        self._retries = retries
        self._clock = clock
        self._open: list[_Closable] = []

    def _connect(self, credential: Credential | None, *, connections: int = 1, **limits: Any) -> HttpSource:
        """The system as it is reached with this credential, closed with the client; `limits` as HttpSource takes them."""
        source = HttpSource(
            self._address,
            credential=credential,
            read_timeout=self._timeout,
            connections=connections,
            retries=self._retries,
            clock=self._clock,
            **limits,
        )
        self._open.append(source)
        return source

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connections back."""
        for each in self._open:
            each.close()

    def check(self) -> SourceCheck:
        """Whether the system answers, who we are to it, how many records it shows; raises no LedgerError."""
        proven: str | None = None
        try:
            proven = self._proven_identity()
            found = self._count_records()
        except LedgerError as error:
            return SourceCheck(self.name, False, proven, None, str(error))
        identity = proven or self._identity()
        count = f"{found.count:,}" if found.is_all else f"more than {found.count:,}"
        detail = f"{self.name} at {safe_url(self._address.url)} shows {count} {self.counted} to {identity}."
        return SourceCheck(self.name, True, identity, found.count if found.is_all else None, detail)

    def _proven_identity(self) -> str | None:
        """Who another system confirms that we are, before this one is asked; None where none does."""
        return None

    @abstractmethod
    def _identity(self) -> str:
        """Who we are to the system once it has answered."""

    @abstractmethod
    def _count_records(self) -> RecordCount:
        """How many records the system shows, asked for with little. Raises LedgerError."""
