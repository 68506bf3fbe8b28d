"""Core's tokens: the signing key, its public half as JWKS, signing and verifying.

The key is made anew by each process and belongs to nothing else.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER = "hivematrix-core"
KEY_ID = "hivematrix-signing-key-1"
SERVICE_SECONDS = 5 * 60
USER_SECONDS = 8 * 60 * 60
PERMISSION_LEVELS = ("admin", "technician", "billing", "client")

_ALGORITHM = "RS256"


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """This process's key. Making one takes about a tenth of a second, so there is one for all sandboxes."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def key_set() -> dict[str, Any]:
    """The body of `GET /.well-known/jwks.json`."""
    numbers = signing_key().public_key().public_numbers()
    key = {"alg": _ALGORITHM, "e": _base64url(numbers.e), "kid": KEY_ID}
    return {"keys": [key | {"kty": "RSA", "n": _base64url(numbers.n), "use": "sig"}]}


def _base64url(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims: Mapping[str, Any], *, seconds: int) -> str:
    """A token with `claims`, of Core's issuer unless they name another, good for `seconds` from now."""
    now = int(time.time())
    payload = {"iss": ISSUER, **claims, "iat": now, "exp": now + seconds}
    return jwt.encode(payload, signing_key(), algorithm=_ALGORITHM, headers={"kid": KEY_ID})


def service_token(calling_service: str, target_service: str) -> str:
    """The token with which one service speaks to another."""
    claims = {
        "sub": f"service:{calling_service}",
        "calling_service": calling_service,
        "target_service": target_service,
        "type": "service",
    }
    return sign(claims, seconds=SERVICE_SECONDS)


def user_token(user: str, permission_level: str) -> str:
    """The token that a person has after signing in."""
    return sign({"sub": user, "permission_level": permission_level, "type": "user"}, seconds=USER_SECONDS)


def is_good(token: str) -> bool:
    """Whether `token` is signed by this process's key, by Core, and has not expired."""
    try:
        jwt.decode(
            token,
            signing_key().public_key(),
            algorithms=[_ALGORITHM],
            issuer=ISSUER,
            options={"require": ["exp", "iat"], "verify_aud": False},
        )
    except jwt.InvalidTokenError:
        return False
    return True
