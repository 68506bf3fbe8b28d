"""Core's public keys: fetched when they are needed, kept, and fetched again when a token does not fit them.

Core's key id is a constant, so a new key comes under the old id: only a signature that fails reveals it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ledger_pipelines.console.identity.errors import CoreUnavailableError, NotSignedInError

_LOG = logging.getLogger(__name__)
#: Seconds to connect, and seconds without a byte.
_TIMEOUT = (1.0, 2.0)
_MOST_BYTES = 1_000_000
_FEWEST_BITS = 2_048
#: Seconds in which a Core that did not answer is not asked again, and after which good keys are looked at again.
_PAUSE, _AGE = 3.0, 600.0


@dataclass(slots=True)
class _Allowance:
    """How often something may be done: once every `seconds`, or up to `at_once` times after a pause."""

    seconds: float
    at_once: int = 1
    _free_from: float = float("-inf")

    def take(self, now: float) -> bool:
        """Whether it may be done now; it then counts as done."""
        free_from = max(self._free_from, now)
        if free_from - now > self.seconds * (self.at_once - 1):
            return False
        self._free_from = free_from + self.seconds
        return True


class CoreKeys:
    """The keys of one Core by their ids, for several threads. `url` is None where no Core is configured.

    `clock` gives seconds that never go back. Nothing is fetched before the first token comes.
    """

    def __init__(
        self,
        url: str | None,
        *,
        ca_file: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._verify: str | bool = ca_file or True
        self._clock = clock
        self._lock = Lock()
        self._keys: Mapping[str, RSAPublicKey] = {}
        self._asked_at = self._failed_at = float("-inf")
        # Anybody can send a token with an id that Core never had; a key that changed must be found at once.
        self._for_unknown = _Allowance(30.0)
        self._for_changed = _Allowance(1.0, at_once=5)

    def key(self, key_id: str) -> RSAPublicKey:
        """The key with this id.

        Raises NotSignedInError where Core has none, CoreUnavailableError where that cannot be found out.
        """
        key = self._keys.get(key_id)
        if key is not None:
            self._refresh()
            return key
        with self._lock:
            if key_id not in self._keys and self._may_ask_for_unknown():
                self._fetch()
            if key_id in self._keys:
                return self._keys[key_id]
            if self._failed_at >= self._asked_at:
                raise CoreUnavailableError(
                    "Who is signed in cannot be told, because HiveMatrix Core does not give its keys: check that it "
                    "runs, and CORE_URL or LEDGER_JWKS_URL."
                )
        raise NotSignedInError("The token is signed with a key that is none of Core's: sign in again.")

    def newer(self, key_id: str, than: RSAPublicKey) -> RSAPublicKey | None:
        """Core's present key under this id where it is another one; None where it is the same or cannot be had."""
        with self._lock:
            if self._is_same(key_id, than) and self._for_changed.take(self._clock()):
                self._fetch()
            return None if self._is_same(key_id, than) else self._keys.get(key_id)

    def _is_same(self, key_id: str, key: RSAPublicKey) -> bool:
        present = self._keys.get(key_id)
        return present is not None and present.public_numbers() == key.public_numbers()

    def _may_ask_for_unknown(self) -> bool:
        now = self._clock()
        if self._keys:
            return self._for_unknown.take(now)
        return now - self._failed_at >= _PAUSE

    def _refresh(self) -> None:
        """Looks at keys again that have been kept for long; meanwhile the others go on with them."""
        if self._clock() - self._asked_at >= _AGE and self._lock.acquire(blocking=False):
            try:
                if self._clock() - self._asked_at >= _AGE:
                    self._fetch()
            finally:
                self._lock.release()

    def _fetch(self) -> None:
        """Takes Core's present keys; those known stay where it does not answer, or with something else."""
        try:
            keys = _usable_keys(_read(self._url, self._verify))
        except (requests.RequestException, ValueError, RecursionError) as error:
            _LOG.warning("Core's keys at %s cannot be read: %s", self._url, type(error).__name__)
            keys = {}
        # After the answer: what waited for it must not ask again at once.
        self._asked_at = self._clock()
        if keys:
            self._keys = keys
        else:
            self._failed_at = self._asked_at


def _read(url: str | None, verify: str | bool) -> object:
    if url is None:
        raise ValueError("no address")
    with requests.get(url, timeout=_TIMEOUT, verify=verify, allow_redirects=False, stream=True) as answer:
        answer.raise_for_status()
        body = answer.raw.read(_MOST_BYTES + 1, decode_content=True)
    if len(body) > _MOST_BYTES:
        raise ValueError("too long")
    return json.loads(body)


def _usable_keys(document: object) -> dict[str, RSAPublicKey]:
    """The RSA keys for signatures of a key set (RFC 7517) by their ids."""
    listed = document.get("keys") if isinstance(document, dict) else None
    found: dict[str, RSAPublicKey] = {}
    for entry in listed if isinstance(listed, list) else []:
        if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
            continue
        if entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
            continue
        try:
            key = jwt.PyJWK(entry, algorithm="RS256").key
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if isinstance(key, RSAPublicKey) and key.key_size >= _FEWEST_BITS:
            found[entry["kid"]] = key
    return found
