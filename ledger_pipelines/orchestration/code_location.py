"""The ledger's code location as Dagster names it, and where its one server listens."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

LOCATION = "ledger_pipelines"
#: Unix allows a socket's path about a hundred characters.
_LONGEST = 90


def socket_of(home: Path) -> Path:
    """The socket of the ledger in this home: in it, or where its path is too long or strange, below /tmp."""
    beside = home.resolve() / "dagster" / "code.sock"
    if len(str(beside)) <= _LONGEST and re.fullmatch(r"[\w/.-]+", str(beside), re.ASCII):
        return beside
    digest = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]
    return Path("/tmp") / f"ledger-{os.getuid()}-{digest}" / "code.sock"  # noqa: S108 - looked at before it is used
