"""The server as a process: it says where it is, serves many at once, and ends when told to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import running_sandbox, serve
from ledger_pipelines_tests.sandbox import TIMEOUT_SECONDS, Client
from ledger_pipelines_tests.sandbox.conftest import UNTIL

_PROGRAM = """
from datetime import date
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import serve
serve(SandboxConfig(until=date(2025, 12, 31), companies=3), 0, ready=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


@contextmanager
def _process() -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen([sys.executable, "-c", _PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_server_ends_cleanly_on_either_signal(which: signal.Signals) -> None:
    with _process() as (process, base_url):
        assert requests.get(f"{base_url}/core/health", timeout=TIMEOUT_SECONDS).status_code == 200
        process.send_signal(which)
        rest, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    assert (process.returncode, rest) == (0, "ended\n")


def test_taken_port_is_one_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"cannot listen on 127\.0\.0\.1:{port} .*another port"):
            serve(SandboxConfig(until=UNTIL, companies=1), port)


def test_two_sandboxes_run_beside_each_other() -> None:
    few, more = (SandboxConfig(until=UNTIL, companies=count) for count in (1, 2))
    with running_sandbox(few) as one, running_sandbox(more) as two, requests.Session() as session:
        assert one.base_url != two.base_url
        counts = [len(Client(running, session).bulk()) for running in (one, two)]
    assert counts == [1, 2]


def test_sandbox_is_gone_when_the_block_ends() -> None:
    with running_sandbox(SandboxConfig(until=UNTIL, companies=1)) as running:
        url = f"{running.core_url}/health"
        assert requests.get(url, timeout=TIMEOUT_SECONDS).status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=TIMEOUT_SECONDS)


def test_many_clients_at_once_each_get_their_own_answer(client: Client) -> None:
    accounts = [company["account_number"] for company in client.read("/api/companies")] * 3
    client.token()

    def ask(account: str) -> str:
        with requests.Session() as session:
            own = Client(client.sandbox, session, client.token())
            return str(own.read(f"/api/companies/{account}")["account_number"])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, accounts)) == accounts
