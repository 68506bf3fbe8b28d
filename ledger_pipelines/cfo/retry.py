"""Which failures of a hand-over are temporary (rules/cfo_sync.md, States).

When they are tried again is decided by `after_sync_attempt` in sql/0007_cfo.sql, where readiness is, too.
"""

from __future__ import annotations

import re

#: SQLSTATEs of temporary failures: connection lost (class 08), serialization failure, deadlock, insufficient
#: resources such as too many connections (class 53), the server going down or coming up (57P0x) or read-only for a
#: while, as during a failover, a lock that was not available, and a statement or transaction that ran out of time.
_TRANSIENT = re.compile(r"08[0-9A-Z]{3}|25006|25P03|25P04|40001|40P01|53[0-9A-Z]{3}|57P0[0-9A-Z]|55P03|57014")


def is_transient(sqlstate: str | None) -> bool:
    """Whether a PostgreSQL error passes by itself; without a SQLSTATE the connection was lost, which does."""
    return sqlstate is None or _TRANSIENT.fullmatch(sqlstate) is not None
