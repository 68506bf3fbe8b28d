"""The ledger's tables as SQLAlchemy selects from them, for lists that are filtered, sorted and paged."""

from __future__ import annotations

from functools import lru_cache

import sqlalchemy as sa

from ledger_pipelines.tables import TABLES


@lru_cache
def table(name: str) -> sa.TableClause:
    """A table by its name, with the columns that `tables/` describes. Raises KeyError for one that there is not."""
    return sa.table(name, *(sa.column(column.name) for column in TABLES[name].all_columns))
