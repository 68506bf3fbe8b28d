"""Whether a request comes from a page of somebody else: any page that a person opens can send requests to us.

A browser says so by `Sec-Fetch-Site` and `Origin`, which no page can change; a program sends neither.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: What changes nothing.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_from_elsewhere(headers: Headers, own: Collection[str]) -> bool:
    """Whether a browser says that a page of another origin sends this. `own` are our origins as `origin_of` has them.

    `Origin: null` is a page of which nobody knows whose it is.
    """
    if any(site not in {"same-origin", "none"} for site in headers.getlist("sec-fetch-site")):
        return True
    return any(origin_of(origin) not in own for origin in headers.getlist("origin"))


def origin_of(url: str) -> str | None:
    """The origin of an address with its port, such as `http://books.example.com:80`; None where it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    return f"{parts.scheme}://{parts.hostname}:{port or _DEFAULT_PORTS[parts.scheme]}"


def is_ours(host: str, names: Collection[str], *, any_address: bool) -> bool:
    """Whether a Host is one of `names`, of loopback, or with `any_address` an IP address: no foreign name can be one.

    A foreign name that was made to point here would have our pages' rights.
    """
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return name in LOOPBACK or name in {one.lower() for one in names} or (any_address and is_address(name))


def is_address(name: str) -> bool:
    """Whether this is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on this host."""
    return host in LOOPBACK or (is_address(host) and ipaddress.ip_address(host).is_loopback)
