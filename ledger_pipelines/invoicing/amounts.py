"""What each line of a document comes to, net of tax (rules/accruals.md, Contracts).

A document says in its total what it comes to, and its lines are only how that is shared out: a discount of the
document, one that stands as a line of its own, or prices in the account's currency are in the total alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.columns import (
    Column,
    Exact,
    Int64s,
    Mask,
    column,
    exact_units,
    half_up,
    mask,
    positions,
    take,
)
from ledger_pipelines.errors import FrameError
from ledger_pipelines.frames import mapped, to_pandas
from ledger_pipelines.invoicing.documents import Documents
from ledger_pipelines.money import minor_unit

#: 100 % in the units of `invoices.discount` and `invoice_lines.retention`.
_WHOLE = 1_000_000


@dataclass(frozen=True, slots=True)
class LineServices:
    """Of each line, the row of its document, and the row of the service that it sells (-1 for none).

    `named` is what says so: its account or, without one, its document's sales channel; null where nothing does.
    """

    owners: Int64s
    services: Int64s
    named: Column


def line_services(documents: Documents, services: pa.Table) -> LineServices:
    """What each line sells: by its account, which is a sales channel's id or number; else by its document's channel.

    Raises FrameError for a line of another document.
    """
    owners = positions(column(documents.lines, "invoice_id"), documents.ids)
    if (owners < 0).any():
        raise FrameError("A line belongs to none of the documents that it came with.")
    channels = take(column(documents.headers, "sales_channel_id"), owners)
    named = pc.coalesce(column(documents.lines, "account_id"), channels)
    by_id = positions(named, column(services, "id"))
    rows = np.where(by_id >= 0, by_id, positions(named, column(services, "account_number")))
    return LineServices(owners, rows, named)


class Amounts:
    """Amounts of documents and of their lines, in hundredths, both in the order of `documents`."""

    def __init__(self, documents: Documents, services: pa.Table) -> None:
        self._documents = documents
        self.lines = line_services(documents, services)
        self._count = documents.headers.num_rows
        self._owners = self.lines.owners
        self._own = exact_units(column(documents.lines, "net_amount"))

    @cached_property
    def is_credit(self) -> Mask:
        """Whether a document is a credit note, which counts negatively whatever its signs are."""
        kinds = column(self._documents.headers, "document_type")
        return mask(pc.equal(kinds, pa.scalar("creditnote")))

    @cached_property
    def of_lines(self) -> Exact:
        """What a document's lines come to as they stand."""
        return self._summed(self._own)

    @cached_property
    def net(self) -> Exact:
        """What a document says that it comes to, without tax and before anything is withheld.

        `total - tax`, and what is withheld where Holded's tax was not reduced by it already: which it
        is, the subtotal shows (without one, the lines).
        """
        headers = self._documents.headers
        total, tax, subtotal = (exact_units(column(headers, name)) for name in ("total", "tax", "subtotal"))
        without_tax = total - tax
        withheld = self._summed(
            half_up(self._own * exact_units(column(self._documents.lines, "retention")), _WHOLE)
        )
        rest = self.of_lines - withheld
        # What is withheld shrinks with a document's discount as its lines do.
        shrunk = half_up(
            without_tax * self.of_lines * np.where(rest < 0, -1, 1), np.where(rest == 0, 1, abs(rest))
        )
        before = np.where(rest == 0, without_tax + withheld, shrunk)
        stated = np.where(subtotal != 0, subtotal, self.of_lines)
        before = np.where(abs(before - stated) <= self._tolerance, stated, before)
        is_lessened = abs(abs(without_tax) - abs(stated)) < abs(abs(before) - abs(stated))
        return np.where((withheld == 0) | is_lessened, without_tax, before)

    @cached_property
    def is_scaled(self) -> Mask:
        """Whether a document's lines are shared out anew: they come to something else, or one is a discount."""
        difference = abs(self._summed(self._upright) - self._target) > self._tolerance
        is_scaled: Mask = (difference | self._has_discount).astype(bool)
        return is_scaled

    @cached_property
    def is_contradictory(self) -> Mask:
        """Whether nothing says what a document's lines come to: its total has another sign, or is nothing at all."""
        for_nothing = (self._target == 0) & (self._base != 0) & ~self._is_given_away
        no_share = (self._base <= 0) & (self._target != 0)
        is_impossible: Mask = (for_nothing | no_share | (self._target < 0)).astype(bool)
        return self.is_scaled & is_impossible

    @cached_property
    def is_explained(self) -> Mask:
        """Whether a document explains why its lines come to something else: a discount, or another currency's prices."""
        headers = self._documents.headers
        discount = exact_units(column(headers, "discount"))
        rate = exact_units(column(headers, "exchange_rate"))
        discounted = half_up(self._base * (_WHOLE - discount), _WHOLE)
        converted = half_up(self._base * rate, 10**8)
        explained = self._has_discount
        for expected in (discounted, converted):
            explained = explained | (abs(expected - self._target) <= self._tolerance)
        return explained.astype(bool)

    @cached_property
    def shares(self) -> Exact:
        """What each line comes to as it counts: a credit note's are negative. The scaled add up to the document's net.

        A contradictory document's lines come to nothing.
        """
        scaled = self.is_scaled[self._owners]
        shares = self._upright.copy()
        shares[scaled] = self._shared_out(np.flatnonzero(scaled))
        shares[self.is_contradictory[self._owners]] = 0
        signs = np.where(self.is_credit, -1, self._sign)
        signed: Exact = shares * signs[self._owners]
        return signed

    @cached_property
    def _sign(self) -> Int64s:
        """-1 for documents that are the other way round: credit notes that sell services for less than nothing, and
        invoices on which nothing is positive."""
        positive = self._summed(np.where(self._own > 0, self._own, 0))
        of_services = self._summed(np.where(self.lines.services >= 0, self._own, 0))
        sold = np.where(of_services != 0, of_services, self.of_lines)
        is_turned = np.where(self.is_credit, sold < 0, (positive == 0) & (self.of_lines < 0))
        signs: Int64s = np.where(is_turned.astype(bool), -1, 1)
        return signs

    @cached_property
    def _upright(self) -> Exact:
        upright: Exact = self._own * self._sign[self._owners]
        return upright

    @cached_property
    def _target(self) -> Exact:
        target: Exact = np.where(self.is_credit, abs(self.net), self.net * self._sign)
        return target

    @cached_property
    def _is_discount(self) -> Mask:
        """Whether a line is a discount of its document: negative, and no service's."""
        is_discount: Mask = (self._upright < 0).astype(bool) & (self.lines.services < 0)
        return is_discount

    @cached_property
    def _has_discount(self) -> Mask:
        """Whether a document has a line that is a discount."""
        has_discount = np.zeros(self._count, dtype=bool)
        has_discount[self._owners[self._is_discount]] = True
        return has_discount

    @cached_property
    def _base(self) -> Exact:
        """What the lines that are no discounts come to."""
        return self._summed(np.where(self._is_discount, 0, self._upright))

    @cached_property
    def _is_given_away(self) -> Mask:
        """Whether discounts leave nothing of a document."""
        discount = exact_units(column(self._documents.headers, "discount"))
        discounts = self._summed(np.where(self._is_discount, self._upright, 0))
        leaves_nothing = abs(self._base + discounts) <= self._tolerance
        is_given_away: Mask = ((discount >= _WHOLE) | leaves_nothing).astype(bool)
        return is_given_away

    @cached_property
    def _unit(self) -> Int64s:
        """The least amount of each document's currency, in hundredths."""
        currencies = to_pandas(self._documents.headers.select(["currency"]))["currency"]
        units = mapped(currencies, lambda currency: 10 ** max(2 - minor_unit(currency), 0), pa.int64())
        return units.to_numpy(dtype=np.int64)

    @cached_property
    def _tolerance(self) -> Exact:
        """How far a document's lines may be off for having been rounded: by the least amount for each."""
        tolerance: Exact = self._summed(np.ones(self._own.size, dtype=object)) * self._unit
        return tolerance

    def _shared_out(self, rows: Int64s) -> Exact:
        """The lines at these positions, all of their documents, scaled to what their documents come to.

        Rounded on the sums up to each line, in the lines' order, so that they add up.
        """
        if not rows.size:
            return rows.astype(object)
        owners = self._owners[rows]
        numbers = column(self._documents.lines, "line_number").to_numpy(zero_copy_only=False)[rows]
        order = np.lexsort((numbers, owners))
        owners = owners[order]
        amounts = np.where(self._is_discount[rows], 0, self._upright[rows])[order]
        sums = np.cumsum(amounts)
        first = np.searchsorted(owners, owners)
        sums = sums - (sums - amounts)[first]
        unit = self._unit[owners].astype(object)
        base = np.where(self._base[owners] > 0, self._base[owners], 1)
        reached = half_up(sums * self._target[owners], base * unit) * unit
        before = np.concatenate([np.zeros(1, dtype=object), reached[:-1]])
        before[first == np.arange(first.size)] = 0
        shares = np.zeros(rows.size, dtype=object)
        shares[order] = reached - before
        return shares

    def _summed(self, values: Exact) -> Exact:
        """The sum of each document's lines."""
        sums = np.zeros(self._count, dtype=object)
        np.add.at(sums, self._owners, values)
        return sums
