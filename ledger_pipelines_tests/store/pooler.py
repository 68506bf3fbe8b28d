"""A pooler in front of PostgreSQL: real TCP that passes everything on, but for what it is told to drop or to change."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ledger_pipelines.store.database import Database

_SSL_REQUEST = 80877103
_GSS_REQUEST = 80877104


@dataclass(frozen=True, slots=True)
class Manners:
    """What the pooler does: parameters of the start that it ignores; of the server's, what it changes or hides."""

    ignored: frozenset[str] = frozenset()
    shown: dict[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()


@contextmanager
def pooler(database: Database, manners: Manners) -> Iterator[str]:
    """The URL of the database by way of a pooler with these manners."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(database.url)
    behind = str(Path(str(parts["host"])) / ".s.PGSQL.5432")

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as server, suppress(OSError):
                server.connect(behind)
                server.sendall(_start(self.request, manners.ignored))
                threading.Thread(target=_pass_on, args=(self.request, server), daemon=True).start()
                _answer(server, self.request, manners)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        try:
            yield f"postgresql://postgres@127.0.0.1:{listener.server_address[1]}/{parts['dbname']}"
        finally:
            listener.shutdown()
            thread.join()


def _start(client: socket.socket, ignored: frozenset[str]) -> bytes:
    """The client's first packet without what is ignored; encryption is declined."""
    while True:
        (length,) = struct.unpack("!i", _read(client, 4))
        body = _read(client, length - 4)
        (code,) = struct.unpack("!i", body[:4])
        if code not in (_SSL_REQUEST, _GSS_REQUEST):
            break
        client.sendall(b"N")
    texts = body[4:].split(b"\0")
    pairs = zip(texts[::2], texts[1::2], strict=False)
    kept = b"".join(
        name + b"\0" + value + b"\0" for name, value in pairs if name and name.decode() not in ignored
    )
    body = body[:4] + kept + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def _answer(server: socket.socket, client: socket.socket, manners: Manners) -> None:
    """Passes the server's messages on, with other values of the parameters that are shown otherwise."""
    while True:
        kind, length = struct.unpack("!ci", _read(server, 5))
        body = _read(server, length - 4)
        if kind == b"S":
            name, value, _ = body.split(b"\0")
            if name.decode() in manners.hidden:
                continue
            value = manners.shown.get(name.decode(), value.decode()).encode()
            body = name + b"\0" + value + b"\0"
        client.sendall(kind + struct.pack("!i", len(body) + 4) + body)


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    with suppress(OSError):
        while data := client.recv(65536):
            server.sendall(data)
        server.shutdown(socket.SHUT_WR)


def _read(stream: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data
