"""Core's tokens: the signing key, its public half as JWKS, signing, verifying and revoking.

The keys are made anew by each process and belong to nothing else.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER = "hivematrix-core"
#: A constant of Core's: a new key comes under the same id.
KEY_ID = "hivematrix-signing-key-1"
SERVICE_SECONDS = 5 * 60
USER_SECONDS = 60 * 60
PERMISSION_LEVELS = ("admin", "technician", "billing", "client")

_ALGORITHM = "RS256"
#: The group that gives a level; whoever is in none is a client.
_GROUPS = {"admin": "admins", "technician": "technicians", "billing": "billing"}


def new_key() -> rsa.RSAPrivateKey:
    """Another key."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """This process's first key. Making one takes about a tenth of a second, so all sandboxes begin with it."""
    return new_key()


@dataclass(slots=True)
class Signer:
    """What one Core signs with, and which of its tokens it has revoked, by their ids."""

    key: rsa.RSAPrivateKey = field(default_factory=signing_key)
    revoked: set[str] = field(default_factory=set)

    def change_key(self) -> None:
        """Signs with another key from now on, under the same id."""
        self.key = new_key()

    def key_set(self) -> dict[str, Any]:
        """The body of `GET /.well-known/jwks.json`."""
        numbers = self.key.public_key().public_numbers()
        key = {"alg": _ALGORITHM, "e": _base64url(numbers.e), "kid": KEY_ID}
        return {"keys": [key | {"kty": "RSA", "n": _base64url(numbers.n), "use": "sig"}]}

    def sign(self, claims: Mapping[str, Any], *, seconds: int) -> str:
        """A token with `claims`, of Core's issuer unless they name another, good for `seconds` from now."""
        now = int(time.time())
        payload = {"iss": ISSUER, **claims, "iat": now, "exp": now + seconds}
        return jwt.encode(payload, self.key, algorithm=_ALGORITHM, headers={"kid": KEY_ID})

    def service_token(self, calling_service: str, target_service: str) -> str:
        """The token with which one service speaks to another."""
        claims = {
            "sub": f"service:{calling_service}",
            "calling_service": calling_service,
            "target_service": target_service,
            "type": "service",
        }
        return self.sign(claims, seconds=SERVICE_SECONDS)

    def user_token(self, user: str, permission_level: str, groups: Sequence[str] | None = None) -> str:
        """The token that a person has after signing in, in the group of the level unless others are named."""
        own_group = [_GROUPS[permission_level]] if permission_level in _GROUPS else []
        claims = {
            "sub": str(uuid5(NAMESPACE_URL, user)),
            "jti": str(uuid4()),
            "name": user.title(),
            "email": f"{user}@example.com",
            "preferred_username": user,
            "permission_level": permission_level,
            "groups": own_group if groups is None else list(groups),
        }
        return self.sign(claims, seconds=USER_SECONDS)

    def claims(self, token: str, *, even_expired: bool = False) -> dict[str, Any]:
        """What a token of ours says. Raises jwt.InvalidTokenError where it is none, or has expired."""
        claims: dict[str, Any] = jwt.decode(
            token,
            self.key.public_key(),
            algorithms=[_ALGORITHM],
            issuer=ISSUER,
            options={"require": ["exp", "iat"], "verify_aud": False, "verify_exp": not even_expired},
        )
        return claims

    def is_good(self, token: str) -> bool:
        """Whether `token` is signed by this Core, and has not expired."""
        try:
            self.claims(token)
        except jwt.InvalidTokenError:
            return False
        return True


def _base64url(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
