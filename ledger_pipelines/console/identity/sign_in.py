"""A sign-in under way: what binds Core's answer to the browser that began, and where the person goes then."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

from ledger_pipelines.printable import one_line

#: The cookie of a sign-in under way, and how many seconds it may take.
COOKIE = "ledger_sign_in"
SECONDS = 600
_STATE_BYTES = 24
_LONGEST_PATH = 1_000
#: Where nobody should find himself after signing in.
_NOT_AFTER = re.compile(r"/(?:login|logout)(?:[/?#]|$)")


@dataclass(frozen=True, slots=True)
class SignIn:
    """`state` is random and known to one browser; `following` the path within the console that was wanted."""

    state: str
    following: str

    @classmethod
    def begin(cls, following: str) -> Self:
        """A new one; a path that does not stay within the console becomes its first page."""
        return cls(secrets.token_urlsafe(_STATE_BYTES), local_path(following))

    @classmethod
    def under_way(cls, cookie: str, state: str) -> Self | None:
        """The one that this browser began with this state; None where it began none, or another."""
        known, _, encoded = cookie.partition(".")
        # Compared as bytes: what is not ASCII cannot be compared in constant time.
        if not known or not secrets.compare_digest(known.encode(), state.encode("utf-8", "surrogatepass")):
            return None
        try:
            following = base64.urlsafe_b64decode(f"{encoded}==".encode()).decode()
        except (binascii.Error, ValueError):
            following = "/"
        return cls(state, local_path(following))

    @property
    def cookie(self) -> str:
        """The cookie's value."""
        encoded = base64.urlsafe_b64encode(self.following.encode()).decode()
        # With its padding the value would have to stand in quotes.
        return f"{self.state}.{encoded.rstrip('=')}"

    def address(self, login_url: str, console_url: str) -> str:
        """Core's page for it. Core adds `?token=` to the address that it comes back to: so the state is in its path."""
        back = f"{console_url}/login/callback/{self.state}"
        return f"{login_url}?next={quote(back, safe='')}"


def local_path(path: str) -> str:
    """The path where it stays within the console, else `/`: a browser takes `//host` and `/\\host` for another host."""
    plain = path.partition("?")[0].partition("#")[0]
    is_local = (
        plain.startswith("/")
        and "//" not in plain
        and "\\" not in path
        and ".." not in plain.split("/")
        and len(path) <= _LONGEST_PATH
        and one_line(path) == path
        and not _NOT_AFTER.match(path)
    )
    return path if is_local else "/"
