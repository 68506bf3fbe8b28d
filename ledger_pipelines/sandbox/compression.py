"""Bodies as a client accepts them: zstd, br, deflate or gzip.

A client must not accept what it cannot read: it gets the first of these that it says it accepts.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: Bodies up to this size go plain.
SMALLEST = 10_000

_ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstd.compress(body, 3),
    "br": lambda body: bytes(brotli.compress(body, quality=3)),
    "deflate": lambda body: zlib.compress(body, 1),
    "gzip": lambda body: gzip.compress(body, 1),
}


def compressed(body: bytes, accepted: str) -> tuple[bytes, str | None]:
    """`body` and its Content-Encoding, for a client whose Accept-Encoding is `accepted`."""
    if len(body) <= SMALLEST:
        return body, None
    offered = _offered(accepted)
    for name, compress in _ENCODINGS.items():
        if name in offered:
            return compress(body), name
    return body, None


def _offered(accepted: str) -> set[str]:
    """The encodings that a client names and does not rule out with `q=0`."""
    offered = set()
    for part in accepted.split(","):
        name, _, weight = part.strip().lower().partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            offered.add(name.strip())
    return offered
