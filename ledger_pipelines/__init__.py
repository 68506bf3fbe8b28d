"""ledger_pipelines: the monthly close of a service business, as a Dagster project.

`from ledger_pipelines import Ledger` gives the books to a notebook (docs/notebook.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ledger_pipelines.notebook import Ledger

__all__ = ["Ledger"]


def __getattr__(name: str) -> Any:
    # When it is asked for: every command imports this package, and pandas takes half a second.
    if name == "Ledger":
        from ledger_pipelines.notebook import Ledger

        return Ledger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
