"""An export read and checked to its end, before anything of it is written (rules/general_ledger.md, SAF-T)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.general_ledger.imported.keys import (
    SAFT,
    distinct,
    refuse_alike,
    repeated,
    revisions,
    source_ids,
)
from ledger_pipelines.general_ledger.imported.lines import (
    KINDS,
    Books,
    counts_for,
    journal_of,
    refuse_unbalanced,
)
from ledger_pipelines.general_ledger.imported.masters import (
    StatedAccount,
    StatedBalance,
    StatedParty,
    merged_accounts,
    merged_parties,
)
from ledger_pipelines.general_ledger.imported.months import do_dates_decide, posting
from ledger_pipelines.general_ledger.imported.movements import movements, together
from ledger_pipelines.general_ledger.imported.parties import identity
from ledger_pipelines.money import format_money
from ledger_pipelines.months import OLDEST_FIRST_MONTH, describe_months
from ledger_pipelines.sources.files.saft.exports import Export
from ledger_pipelines.sources.files.saft.masters import Party
from ledger_pipelines.sources.files.saft.reader import Content, Totals
from ledger_pipelines.sources.files.saft.spool import Spool
from ledger_pipelines.store.parties import OF_SOURCE
from ledger_pipelines.wording import counted

#: What is kept of every entry until the export is read.
_KEYS = ["journal", "transaction", "year", "period", "date"]
#: After how many batches movements are put together.
_TOGETHER = 16
#: How many ids are named in a notice.
_NAMED = 10
_compute: Any = pc


@dataclass(frozen=True, slots=True)
class Reading:
    """What an export says, but for its lines, which are in the spool.

    `ids` are the source ids of its entries in their order, `revisions` distinguish those with one id,
    `months` are those in which they are posted.
    """

    name: str
    currency: str
    entries: pa.Table
    ids: Any
    revisions: Any
    months: list[date]
    by_date: bool
    totals: Totals
    accounts: dict[str, StatedAccount]
    parties: dict[tuple[str, str], StatedParty]
    sources: list[Party]
    starts: list[date | None]
    movements: pa.Table
    notices: list[str]


def read_export(export: Export, spool: Spool, latest: date) -> Reading:
    """Reads the files of an export into the spool.

    Raises LedgerError for whatever makes it be refused, as an entry of a month that no ledger has, or of one after the
    `latest` day.
    """
    keys: list[pa.Table] = []
    parts: list[pa.Table] = []
    more_taxes = 0
    currency = export.header.currency
    for file in export.files:
        for batch in file.batches():
            refuse_unbalanced(batch.entries, batch.lines, currency)
            spool.write(batch)
            keys.append(batch.entries.select(_KEYS))
            parts.append(movements(batch.lines))
            more_taxes += _compute.sum(_compute.greater(batch.lines["taxes"], 1), min_count=0).as_py()
            if len(parts) >= _TOGETHER:
                parts = [together(parts)]
    spool.finish()
    contents = [file.content for file in export.files]
    totals = _checked_totals(contents, currency)
    if not keys:
        raise LedgerError(f"{export.name} has no transactions.")
    entries = pa.concat_tables(keys).combine_chunks()
    ids = source_ids(entries).combine_chunks()
    by_date = do_dates_decide(entries)
    months = distinct(posting(entries, by_date=by_date)[0])
    strange = [month for month in months if not OLDEST_FIRST_MONTH <= month <= latest]
    if strange:
        raise LedgerError(
            f"{export.name} has entries in {describe_months(strange)}, which nobody can mean: look for a slip in a year."
        )
    return Reading(
        name=export.name,
        currency=currency,
        entries=entries,
        ids=ids,
        revisions=revisions(ids),
        months=months,
        by_date=by_date,
        totals=totals,
        accounts=merged_accounts(_accounts(contents)),
        parties=merged_parties(_parties(contents)),
        sources=[party for content in contents for party in content.parties],
        starts=[header.start for header in export.headers],
        movements=together(parts),
        notices=list(_notices(by_date=by_date, more_taxes=more_taxes)),
    )


def note_repeated(reading: Reading, spool: Spool, controls: Mapping[str, Collection[str]]) -> None:
    """Notes which entries have one key with different contents. Raises LedgerError where one stands twice, alike."""
    ids = repeated(reading.ids)
    contents: dict[str, list[str]] = {one: [] for one in distinct(ids)}
    if not contents:
        return
    own = {kind: _ids_by_themselves(reading.movements, kind) for kind in KINDS}
    books = Books(reading.currency, controls, own, reading.by_date)
    for batch in spool:
        places = _compute.indices_nonzero(_compute.is_in(source_ids(batch.entries), value_set=ids))
        owners = _compute.index_in(batch.lines["entry"], value_set=_compute.cast(places, pa.int32()))
        lines = batch.lines.set_column(0, "entry", owners).filter(_compute.is_valid(owners))
        # Apart for once, so that each has a content of its own.
        apart = pa.array(range(len(places)), pa.int32())
        entries = journal_of(batch.entries.take(places), lines, apart, books).entries
        for row in entries.select(["source_id", "content"]).to_pylist():
            contents[row["source_id"]].append(row["content"])
    refuse_alike(contents)
    named = ", ".join(list(contents)[:_NAMED]) + " …" * (len(contents) > _NAMED)
    reading.notices.append(
        f"{counted(len(contents), 'id')} (year, journal, transaction) of several entries with different contents, the "
        f"later ones taken as #2 and so on: {named}."
    )


def parties_of(reading: Reading, controls: Mapping[str, Collection[str]]) -> pa.Table:
    """The customers and suppliers of the master files, and those that lines name and the files lack (`OF_SOURCE`)."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for party in reading.sources:
        rows[party.kind, party.party_id] = {
            "kind": party.kind,
            "name": party.name or party.party_id,
            "registration_number": identity(party.registration_number, party.country),
            "source_system": SAFT,
            "source_id": party.party_id,
            "payment_days": party.payment_days,
            "payment_months": party.payment_months,
            "free_billing_month": party.free_billing_month,
        }
    for kind in KINDS:
        named = reading.movements.filter(counts_for(reading.movements, kind, controls))[kind]
        for party_id in distinct(named):
            missing = {
                "kind": kind,
                "name": party_id,
                "source_system": SAFT,
                "source_id": party_id,
                "free_billing_month": False,
            }
            rows.setdefault((kind, party_id), missing)
    return pa.Table.from_pylist(list(rows.values()), schema=OF_SOURCE)


def _checked_totals(contents: list[Content], currency: str) -> Totals:
    """What was counted of all files. Raises LedgerError where a file states neither its own totals nor the whole's."""
    whole = sum((content.counted for content in contents), Totals())
    for content in contents:
        stated = Totals(**content.stated)
        if stated in (content.counted, whole):
            continue
        differences = [
            f"{_figure_label(name, getattr(stated, name), currency)} stated and "
            f"{_figure_label(name, getattr(content.counted, name), currency)} counted"
            for name in ("entries", "debit", "credit")
            if getattr(stated, name) != getattr(content.counted, name)
        ]
        raise LedgerError(
            f"{content.name} is not whole, or was changed: its control totals are wrong: {'; '.join(differences)}."
        )
    return whole


def _figure_label(name: str, value: Any, currency: str) -> str:
    return counted(value, "transaction") if name == "entries" else f"{name} {format_money(value, currency)}"


def _accounts(contents: Iterable[Content]) -> Iterable[StatedAccount]:
    for content in contents:
        seen: set[str] = set()
        for one in content.accounts:
            if one.number in seen:
                raise LedgerError(f"{content.name} has the account {one.number} twice in its chart.")
            seen.add(one.number)
            yield StatedAccount(
                one.number, one.name, one.standard_account, StatedBalance(one.opening, one.closing)
            )


def _parties(contents: Iterable[Content]) -> Iterable[StatedParty]:
    for content in contents:
        seen: set[tuple[str, str]] = set()
        for one in content.parties:
            if (one.kind, one.party_id) in seen:
                raise LedgerError(
                    f"{content.name} has the {one.kind} {one.party_id} twice in its master files."
                )
            seen.add((one.kind, one.party_id))
            balances = {
                balance.account: StatedBalance(balance.opening, balance.closing) for balance in one.balances
            }
            yield StatedParty(one.kind, one.party_id, one.name or one.party_id, balances)


def _ids_by_themselves(moved: pa.Table, kind: str) -> dict[str, str]:
    return {one: one for one in distinct(moved[kind])}


def _notices(*, by_date: bool, more_taxes: int) -> Iterable[str]:
    if by_date:
        yield (
            "More than half of the periods disagree with their dates, as in a shifted fiscal year: the dates decide in "
            "which month an entry counts."
        )
    if more_taxes:
        yield f"{counted(more_taxes, 'line')} with several taxes: the first of each is kept."
