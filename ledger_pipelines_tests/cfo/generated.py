"""Invoices, mappings and categories as hypothesis draws them: ordinary ones, and every way to be refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
Rows = list[dict[str, Any]]

_clients = ["Alps Blockchain", " ALPS blockchain", "Exos Capital", "Straße 1", "STRASSE 1", "Nobody Else"]
_periods = st.sampled_from(["2025-10 hosting", " 2025-10 ", "Mining", "", " ", None, "2025\x00"])
_descriptions = st.sampled_from(["", None, "HOSTING and Mining", "the platform", "plat", "form"])


def _mostly(usual: st.SearchStrategy[Any], *odd: Any) -> st.SearchStrategy[Any]:
    """The usual values, and one in six times an odd one."""
    return st.integers(0, 5).flatmap(lambda face: st.sampled_from(odd) if face == 0 else usual)


_invoices = st.lists(
    st.fixed_dictionaries(
        {
            "origin": _mostly(st.sampled_from(["crypto", "holded"]), "paper"),
            "invoice_number": _mostly(
                st.integers(1, 999).map("DPY-{}".format), None, " ", " 7 ", "N" * 240, "N" * 241, "1\x00"
            ),
            "client_name": _mostly(st.sampled_from(_clients), None, "", "  ", "Al\x00ps"),
            "billing_period": _periods,
            "description": _descriptions,
            "amount": _mostly(
                st.decimals(1, 10**15, places=2), None, *map(Decimal, ("0.00", "-1.00", "0.01"))
            ),
            "currency": _mostly(st.sampled_from(["USD", " EUR "]), None, "", "C" * 20, "C" * 21, "U\x00"),
            "paid_in": _mostly(st.sampled_from(["0.5 BTC", " 100 USDT "]), None, " "),
            "paid_at": _mostly(
                st.integers(0, 10**9).map(lambda seconds: FIRST + timedelta(seconds=seconds)), None
            ),
        }
    ),
    max_size=12,
)
_positions = st.integers(1, 9)
_mappings = st.lists(
    st.fixed_dictionaries(
        {
            "position": _positions,
            "client_name": st.sampled_from([*_clients, None, " "]),
            "entity": _mostly(st.sampled_from(["Delta", "Gamma"]), "E" * 255, "E" * 256, "Del\x00ta"),
            "business_unit": _mostly(st.just("Mining"), "U" * 256),
        }
    ),
    max_size=5,
    unique_by=lambda row: row["position"],
)
_categories = st.lists(
    st.fixed_dictionaries(
        {
            "position": _positions,
            "keyword": st.sampled_from(["hosting", " MINING ", "platform", "2025", "", None, None]),
            "subcategory": _mostly(st.sampled_from(["One", "Two"]), "S" * 100, "S" * 101),
        }
    ),
    max_size=5,
    unique_by=lambda row: row["position"],
)


@st.composite
def drawn_sync(draw: st.DrawFn) -> tuple[Rows, Rows, Rows]:
    """Invoices with numbers of their own, mappings and categories."""
    invoices = [{"invoice_id": number, **one} for number, one in enumerate(draw(_invoices), start=1)]
    return invoices, draw(_mappings), draw(_categories)
