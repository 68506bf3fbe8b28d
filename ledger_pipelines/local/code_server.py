"""The one code server of a ledger: where it listens, and the file in which Dagster's other processes find it.

It listens on a Unix socket in a folder of the user's own: nobody else of this machine reaches it. The address is the
same at each start, and of a form that gRPC takes without escaping, whatever the ledger's home is called.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.orchestration.code_location import LOCATION, socket_of

MODULE = "ledger_pipelines.definitions"


def prepare_socket(home: Path) -> Path:
    """The socket, with a folder around it that only this user may enter.

    Raises LedgerError when somebody else's folder is in its place.
    """
    socket = socket_of(home)
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = socket.parent.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise LedgerError(
            f"{socket.parent} is not a folder of your own: remove it, or give LEDGER_HOME a short, plain path."
        )
    socket.parent.chmod(0o700)
    return socket


def command(socket: Path) -> list[str]:
    """What starts the code server, as a module and its arguments. It ends by a signal, and never for lack of requests."""
    return [
        *("dagster", "api", "grpc", "--socket", str(socket), "--module-name", MODULE),
        *("--location-name", LOCATION, "--use-python-environment-entry-point", "--log-level", "warning"),
    ]


def write_workspace(home: Path) -> Path:
    """Writes the file that names the code server to Dagster's webserver and daemon, and returns its path."""
    path = home.resolve() / "dagster" / "workspace.yaml"
    server = {"socket": str(socket_of(home)), "location_name": LOCATION}
    # JSON is YAML, whatever a path holds.
    path.write_text(json.dumps({"load_from": [{"grpc_server": server}]}, indent=2) + "\n")
    return path
