"""The books for a notebook: `Ledger` reads tables as pandas frames, exactly, and writes nothing (docs/notebook.md)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
import psycopg
import pyarrow as pa

from ledger_pipelines.closing.differences import difference
from ledger_pipelines.connections import has_ledger
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.frames import to_arrow, to_pandas
from ledger_pipelines.months import add_months, describe_months, format_month, month_range, parse_month
from ledger_pipelines.settings import read_settings
from ledger_pipelines.store.books import KnownMonths, Values, has_books, known_months, read_books, read_edits
from ledger_pipelines.store.breakdowns import sentence_of
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines.tables import TABLES as DESCRIBED
from ledger_pipelines.tables.cfo import CFO_TRANSACTIONS
from ledger_pipelines.tables.table import INSTANT, MONTH, TEXT, Table

#: The ledger's own: the CFO's transactions are the CFO's.
TABLES = {name: table for name, table in DESCRIBED.items() if table is not CFO_TRANSACTIONS}
#: What a company's rows are known by.
_ACCOUNT = "account_number"
#: A snapshot keeps new months from being made: one that is forgotten in a cell must not hold up a close.
_PATIENCE = "60s"
_EDITS = pa.schema(
    dict.fromkeys(["edited_at"], INSTANT)
    | dict.fromkeys(["person", "table", "record", "field", "before", "after", "reason"], TEXT)
)


class NeverRunWarning(UserWarning):
    """A frame lacks months that no run has read or computed yet: a sum over it is of less than was asked for."""


class Ledger:
    """A ledger's books as pandas frames, for reading only: the database itself refuses to write.

    Every column is Arrow's: amounts and hours are exact decimals, days dates, instants in UTC, and a missing value is
    missing. Each read sees all rows as they are at one moment; several do within `snapshot()`. Use it as a context
    manager, or `close()` it, to let go of the private PostgreSQL before the process ends.
    """

    def __init__(self, url: str | None = None, *, home: str | Path | None = None) -> None:
        """The ledger of the environment (and `.env`), as the `ledger` command finds it; or that of a `postgresql://` URL,
        or the private one of a home. A private PostgreSQL that does not run is started.

        Raises LedgerError where there is none, or where it cannot be used.
        """
        if url is not None and home is not None:
            raise LedgerError("A ledger is named by its url or by its home: give one of the two.")
        self._server: EmbeddedServer | None = None
        self._reading: psycopg.Connection | None = None
        self._database = Database(url) if url is not None else self._found(home)
        try:
            with self._connection() as connection:
                if not has_books(connection):
                    raise LedgerError(
                        f"The database {self._database.label} has no ledger: run `ledger migrate`, "
                        "or name another one."
                    )
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Ledger({self._database.label!r})"

    def close(self) -> None:
        """Lets go of the private PostgreSQL, which stops when nobody else uses it. Safe to repeat."""
        if self._server is not None:
            self._server.release()

    def months(
        self,
        table: str,
        start: str | date,
        end: str | date | None = None,
        *,
        columns: Sequence[str] | None = None,
        accounts: str | Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """The table's rows of the months from `start` up to `end`, which is not included; of `start` alone without it.

        Months are `YYYY-MM`. `columns` are those that are wanted, in their order; `accounts` the companies' numbers;
        `where` values of columns, one or a list each. The database leaves out what is not asked for. The rows are in the
        order of the table's key; the frame's `attrs` say which months are `open`, `closed` and `never_run`.

        Warns with NeverRunWarning where months were never run. Raises LedgerError for a table, a column or a month that
        there is not, and for a table without months.
        """
        described = _table(table)
        if not described.is_monthly:
            raise LedgerError(f"{table} has no months: read it with table({table!r}).")
        wanted = _months(start, end)
        names, values = _columns(described, columns), _values(described, accounts, where)
        with self._read() as connection:
            rows = read_books(connection, described, names, wanted, values)
            known = known_months(connection, table, wanted)
        frame = to_pandas(rows)
        frame.attrs = _month_attributes(known, wanted)
        if known.never_run:
            warnings.warn(
                f"No run has written {table} of {describe_months(known.never_run)} yet: the frame has no rows of then.",
                NeverRunWarning,
                stacklevel=2,
            )
        return frame

    def table(
        self,
        table: str,
        *,
        columns: Sequence[str] | None = None,
        accounts: str | Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """All rows of a table without months, such as `billing_plans`; the rest as in `months`.

        Raises LedgerError for a table or column that there is not, and for a table with months.
        """
        described = _table(table)
        if described.is_monthly:
            raise LedgerError(f"{table} has months: read it with months({table!r}, start, end).")
        names, values = _columns(described, columns), _values(described, accounts, where)
        with self._read() as connection:
            return to_pandas(read_books(connection, described, names, None, values))

    def periods(self) -> pd.DataFrame:
        """The ledger's months: open, or closed, when and by whom."""
        return self.table("ledger_periods")

    def edits(self, since: str | datetime | None = None) -> pd.DataFrame:
        """What people edited, since a moment (in UTC where it names no zone) or ever: a row for each field.

        Columns: edited_at, person, table, record, field, before, after, reason. Raises LedgerError for a moment that is
        none.
        """
        with self._read() as connection:
            found = read_edits(connection, _moment(since))
        rows = [
            (
                *(edit.edited_at, edit.person, edit.table_name, _record(edit.table_name, edit.row)),
                *(change.field, _text(change.before), _text(change.after), edit.reason),
            )
            for edit in found
            for change in edit.changes
        ]
        columns = list(zip(*rows, strict=True)) or [()] * len(_EDITS)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, _EDITS, strict=True)]
        return to_pandas(pa.Table.from_arrays(arrays, schema=_EDITS))

    @contextmanager
    def snapshot(self) -> Iterator[Self]:
        """What is read within the block is as it was at one moment, whatever runs write meanwhile.

        No longer than a minute may pass between two reads.
        """
        if self._reading is not None:
            raise LedgerError(
                "A snapshot is being read already: read all that belongs together in its block."
            )
        with self._connection() as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.execute(f"SET idle_in_transaction_session_timeout = '{_PATIENCE}'".encode())
            with connection.transaction():
                self._reading = connection
                try:
                    yield self
                finally:
                    self._reading = None

    @staticmethod
    def tables() -> pd.DataFrame:
        """The tables that there are: the name, what a row is, whether it has months, and its key."""
        return _frame(
            {
                "table": list(TABLES),
                "row": [table.row for table in TABLES.values()],
                "is_monthly": [table.is_monthly for table in TABLES.values()],
                "key": [", ".join(_key(table)) for table in TABLES.values()],
            }
        )

    @staticmethod
    def columns(table: str) -> pd.DataFrame:
        """The columns of a table: the name, its type in SQL, what it means, whether it may be missing.

        Raises LedgerError for a table that there is not.
        """
        columns = _table(table).all_columns
        return _frame(
            {
                "column": [column.name for column in columns],
                "type": [column.sql_type for column in columns],
                "meaning": [column.line for column in columns],
                "is_optional": [column.is_optional for column in columns],
            }
        )

    @staticmethod
    def changes(
        table: str, before: pd.DataFrame, after: pd.DataFrame, *, amount: str | None = None
    ) -> pd.DataFrame:
        """How two frames of one table differ: a row for each row that was added, removed or changed.

        Both have the table's key and the month; compared are the columns that both have. The answer has the key,
        `change`, the money `amount` (the table's `amount` or `total` where none is named) as `before` and `after`, and
        `columns`, those of a changed row that differ. Raises LedgerError where a frame is not of this table, or there
        is no such column.
        """
        described = _table(table)
        key = _key(described)
        sides = [_side(described, frame) for frame in (before, after)]
        named = amount if amount is not None else _amount(described)
        if amount is not None:
            _columns(described, [amount])
        found = difference(sides[1], sides[0], key, amount=named, labels=_labels(described, sides))
        return to_pandas(found.rows).rename(columns={"booked": "before", "computed": "after"})

    def _found(self, home: str | Path | None) -> Database:
        settings = read_settings()
        if home is not None:
            settings = settings.model_copy(update={"home": Path(home), "database_url": None})
        if settings.database_url is not None:
            return Database(settings.database_url.get_secret_value())
        if not has_ledger(settings):
            raise LedgerError(
                f"There is no ledger in {settings.home.resolve()}: name its folder with Ledger(home=…) or LEDGER_HOME, "
                "its database with Ledger(url) or LEDGER_DATABASE_URL, or make one with `ledger up`."
            )
        self._server = EmbeddedServer(settings.home)
        return self._server.database()

    def _read(self) -> AbstractContextManager[psycopg.Connection]:
        """The snapshot's connection, else one of this read's own: a server may be restarted between two cells."""
        return self._connection() if self._reading is None else _in_sentences(nullcontext(self._reading))

    def _connection(self) -> AbstractContextManager[psycopg.Connection]:
        return _in_sentences(self._database.connect(application_name="ledger notebook", is_read_only=True))


@contextmanager
def _in_sentences(
    given: AbstractContextManager[psycopg.Connection],
) -> Iterator[psycopg.Connection]:
    """The connection; what the database says against a read becomes one sentence."""
    try:
        with given as connection:
            yield connection
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        raise LedgerError(
            "The database has an older form than this program: run `ledger migrate`, with nothing else running."
        ) from None
    except psycopg.DataError as error:
        raise LedgerError(f"A value is none of its column: {error.diag.message_primary}.") from None
    except psycopg.Error as error:
        sentence = sentence_of(error)
        if sentence is None:
            raise
        raise LedgerError(sentence) from error


def _table(name: str) -> Table:
    found = TABLES.get(name)
    if name == CFO_TRANSACTIONS.name:
        raise LedgerError(
            f"{name} are in the CFO's database: `ledger cfo status` and `ledger cfo verify` look there."
        )
    if found is None:
        raise LedgerError(f"There is no table {name!r}{_nearest(name, TABLES)}; tables() lists them.")
    return found


def _nearest(name: str, among: Iterable[str]) -> str:
    near = get_close_matches(str(name), list(among), n=3)
    return f": did you mean {' or '.join(near)}?" if near else ""


def _months(start: str | date, end: str | date | None) -> list[date]:
    first = _month(start)
    months = month_range(first, add_months(first, 1) if end is None else _month(end))
    if not months:
        raise LedgerError(
            f"The range {start} to {end} has no month: its end is not included and must come later."
        )
    return months


def _month(given: str | date) -> date:
    return parse_month(given if isinstance(given, str) else f"{given:%Y-%m-%d}")


def _columns(table: Table, names: Sequence[str] | None) -> list[str]:
    """The columns that are wanted. Raises LedgerError for one that there is not."""
    if names is None:
        return list(table.by_name)
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name not in table.by_name:
            raise LedgerError(
                f"{table.name} has no column {name!r}{_nearest(name, table.by_name)}; columns({table.name!r}) lists them."
            )
    return wanted


def _values(table: Table, accounts: str | Sequence[str] | None, where: Mapping[str, Any] | None) -> Values:
    given = dict(where or {})
    if accounts is not None:
        if _ACCOUNT not in table.by_name:
            raise LedgerError(
                f"{table.name} has no {_ACCOUNT}: say which rows with where={{…}}, by {', '.join(table.key)}."
            )
        given[_ACCOUNT] = accounts
    _columns(table, list(given))
    return {
        name: [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
        for name, value in given.items()
    }


def _month_attributes(known: KnownMonths, months: Sequence[date]) -> dict[Any, Any]:
    """As texts, so that a file which the frame is written to can keep it."""
    named = {
        "open": [month for month in months if month not in known.closed],
        "closed": known.closed,
        "never_run": known.never_run,
    }
    return {name: [format_month(month) for month in some] for name, some in named.items()}


def _moment(since: str | datetime | None) -> datetime | None:
    if since is None:
        return None
    try:
        moment = pd.Timestamp(since)
    except ValueError:
        raise LedgerError(f"{since!r} is no moment: write it as 2025-03-31 or 2025-03-31 14:00.") from None
    return (moment if moment.tzinfo is not None else moment.tz_localize("UTC")).to_pydatetime()


def _key(table: Table) -> list[str]:
    return [MONTH.name, *table.key] if table.is_monthly else list(table.key)


def _side(table: Table, frame: pd.DataFrame) -> pa.Table:
    names = [name for name in frame.columns if name in table.by_name]
    missing = [name for name in _key(table) if name not in names]
    if missing:
        raise LedgerError(
            f"A frame of {table.name} lacks {', '.join(missing)}: its rows cannot be told apart."
        )
    side = to_arrow(frame, table.part(names))
    if side.group_by(_key(table)).aggregate([]).num_rows < side.num_rows:
        raise LedgerError(f"A frame of {table.name} has two rows of one key: compare it as it was read.")
    return side


def _amount(table: Table) -> str:
    decimals = [column.name for column in table.columns if pa.types.is_decimal(column.kind)]
    return next((name for name in ("amount", "total", "recognised") if name in decimals), "")


def _labels(table: Table, sides: Sequence[pa.Table]) -> list[str]:
    """The texts beside the key, of those that both sides have: what a person knows a row by."""
    return [
        column.name
        for column in table.columns
        if column.kind == TEXT
        and column.name not in _key(table)
        and all(column.name in side.column_names for side in sides)
    ]


def _record(table: str, row: Mapping[str, Any]) -> str:
    key = TABLES[table].key if table in TABLES else ("id",)
    return " ".join(str(row[name]) for name in key if row.get(name) is not None)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _frame(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    return to_pandas(pa.table({name: pa.array(values) for name, values in columns.items()}))
