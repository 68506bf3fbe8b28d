"""Waiting for the code server: Dagster's other processes load what it serves when they start."""

from __future__ import annotations

import time
from pathlib import Path

from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._grpc.client import DagsterGrpcClient

_PATIENCE = 120.0
_PAUSE = 0.2


def wait_for_code_server(socket: Path) -> None:
    """Returns when it answers, or when it has not for so long that the caller should report it."""
    client = DagsterGrpcClient(socket=str(socket))
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            client.ping("")
        except DagsterUserCodeUnreachableError:
            time.sleep(_PAUSE)
        else:
            return
