"""What a run of Codex could not read, or does not believe: the months keep what they had of it.

What could not be read is not absent (rules/billing.md, Which plan, 3). A part of a company that Codex did not send, and a
list that came back empty or far shorter than it was, leave the rows as they were, in a month without rows those of the
newest snapshot. Not here: tickets, which have months of their own (`tickets`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import Problem
from ledger_pipelines.shrinkage import SHORTEST_DOUBTED, is_doubtful, shrunken_list
from ledger_pipelines.sources.codex.client import CodexSnapshot
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.integration_errors import take_confirmation
from ledger_pipelines.store.snapshots import count_by_account, newest_snapshot, read_snapshots
from ledger_pipelines.workflows.step import in_months

PARTS = ("assets", "contacts")
_WITHOUT_ACCOUNT = ("plans",)


@dataclass(slots=True)
class Unread:
    """By table: whether the whole list is doubted, and the accounts that are unread."""

    whole: set[str] = field(default_factory=set)
    accounts: dict[str, set[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def touches(self, table: str) -> bool:
        """Whether the months keep anything of the table."""
        return table in self.whole or bool(self.accounts.get(table))

    def keeps(self, table: str, account: str) -> bool:
        """Whether the months keep their rows of an account."""
        return table in self.whole or account in self.accounts.get(table, set())


def find_unread(
    connection: psycopg.Connection,
    snapshot: CodexSnapshot,
    frames: Mapping[str, pa.Table],
    due: Mapping[str, Sequence[date]],
) -> Unread:
    """What of these frames (with their months; none of tickets) is missing or doubted.

    A doubt that a person has confirmed, by ignoring its error, is settled.
    """
    search = _Search(connection, snapshot, due, Unread())
    return search.run(frames)


@dataclass(frozen=True, slots=True)
class _Search:
    """The search for what is unread: lists are judged by what the months, or the newest snapshot, had of them."""

    connection: psycopg.Connection
    snapshot: CodexSnapshot
    due: Mapping[str, Sequence[date]]
    unread: Unread

    def run(self, frames: Mapping[str, pa.Table]) -> Unread:
        for missed in self.snapshot.missed:
            if missed.part in PARTS:
                self._keep(missed.part, [missed.account])
        for table, frame in frames.items():
            self._doubt(table, frame)
        if "companies" in self.unread.whole:
            # Companies that are kept keep their devices and people: nobody was asked for them.
            for part in frames.keys() & set(PARTS):
                self._keep(part, self._before(part).keys() - self.snapshot.accounts)
        return self.unread

    def _keep(self, table: str, accounts: Iterable[str]) -> None:
        self.unread.accounts.setdefault(table, set()).update(accounts)

    def _doubt(self, table: str, frame: pa.Table) -> None:
        before = self._before(table)
        now = _by_account(_of(frame, self.due[table][:1]))
        missing = set(self.unread.accounts.get(table, set()))
        # What Codex said that it could not send is missing for a reason that was reported.
        expected = sum(count for account, count in before.items() if account not in missing)
        if is_doubtful(expected, now.total()):
            # Who confirms that there are so few in all need not do so for each company, too.
            if not self._confirmed(table, table, expected, now.total()):
                self.unread.whole.add(table)
        elif table in PARTS:
            listed = self.snapshot.accounts - missing
            shrunk = [
                account
                for account in sorted(listed)
                if before[account] >= SHORTEST_DOUBTED and is_doubtful(before[account], now[account])
            ]
            for account in shrunk:
                part = f"{table} of company {account}"
                if not self._confirmed(table, part, before[account], now[account]):
                    self._keep(table, [account])

    def _before(self, table: str) -> Counter[str]:
        """How many rows each account had in the newest snapshot."""
        newest = newest_snapshot(self.connection, table)
        months = [] if newest is None else [newest]
        if table in _WITHOUT_ACCOUNT:
            return Counter({"": read_months(self.connection, table, months, ["month"]).num_rows})
        return Counter(count_by_account(self.connection, table, months))

    def _confirmed(self, table: str, records: str, before: int, now: int) -> bool:
        """Whether a person said that the list is shorter indeed; else the doubt is a problem."""
        problem = shrunken_list("codex", table, "Codex", records, before=before, now=now)
        if take_confirmation(self.connection, problem):
            return True
        self.unread.problems.append(problem)
        return False


def for_months(problems: Iterable[Problem], months: Sequence[date]) -> list[Problem]:
    """The problems, each as one of every month whose rows lack what it names; a mere note is of the present only."""
    found = list(problems)
    notes = [problem for problem in found if not problem.is_blocking]
    return [*in_months((problem for problem in found if problem.is_blocking), months), *notes]


def _of(frame: pa.Table, months: Sequence[date]) -> pa.Table:
    return frame.filter(pc.is_in(frame["month"], value_set=pa.array(months, pa.date32())))


def _by_account(frame: pa.Table) -> Counter[str]:
    if "account_number" not in frame.column_names:
        return Counter({"": frame.num_rows})
    counted: Any = frame["account_number"].value_counts()
    return Counter(dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)))


def keep_unread(
    connection: psycopg.Connection, table: str, frame: pa.Table, due: Sequence[date], unread: Unread
) -> tuple[pa.Table, set[tuple[date, str]]]:
    """The frame with the months' earlier rows of what is unread, and each month's companies of which it is."""
    if not unread.touches(table):
        return frame, set()
    had = {found.month for found in read_snapshots(connection, due) if found.table_name == table}
    newest = newest_snapshot(connection, table)
    parts, gaps = [], set()
    for month in due:
        source = month if month in had else newest
        before = frame.schema.empty_table()
        if source is not None:
            before = read_months(connection, table, [source], frame.schema.names)
            months = pa.repeat(pa.scalar(month, pa.date32()), before.num_rows)
            before = before.set_column(0, frame.schema.field("month"), months)
        fresh = _of(frame, [month])
        parts += [
            _where(fresh, table, unread, retained=False),
            _where(before, table, unread, retained=True).cast(frame.schema),
        ]
        if table in PARTS:
            gaps |= {(month, account) for account in _accounts(before, fresh) if unread.keeps(table, account)}
            gaps |= {(month, account) for account in unread.accounts.get(table, set())}
    return pa.concat_tables(parts), gaps


def _accounts(*frames: pa.Table) -> Iterable[str]:
    names: list[Any] = [frame["account_number"].unique().to_pylist() for frame in frames]
    return {account for found in names for account in found}


def _where(frame: pa.Table, table: str, unread: Unread, *, retained: bool) -> pa.Table:
    """The rows of a month that it keeps, or the others."""
    if table in unread.whole:
        return frame if retained else frame.slice(0, 0)
    accounts = [account for account in _accounts(frame) if unread.keeps(table, account)]
    unread_rows = pc.is_in(frame["account_number"], value_set=pa.array(accounts, pa.string()))
    return frame.filter(unread_rows if retained else pc.invert(unread_rows))
