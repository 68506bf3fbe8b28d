"""Core's tokens: verified with Core's keys, and read as a person or a service.

A person's token says `sub, jti, name, email, preferred_username, permission_level, groups`, a service's `type,
calling_service, target_service` (wire/codex.md, Auth). Anything that is not exactly this is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ledger_pipelines.console.identity.errors import NotSignedInError, WrongServiceError
from ledger_pipelines.console.identity.keys import CoreKeys
from ledger_pipelines.console.identity.person import Permission, Person
from ledger_pipelines.printable import one_line

_ALGORITHM = "RS256"
_LONGEST_TOKEN = 16_000
#: Seconds by which Core's clock may be ahead of ours.
_AHEAD = 60
#: The year 5138: what claims to last longer means nothing.
_NO_END = 10**11
#: Keycloak writes a group with its path or without, as it is set.
_BILLING_GROUPS = frozenset({"billing", "/billing"})

_UNUSABLE = "The token cannot be used: sign in again."


def _plain(text: str) -> str:
    if one_line(text) != text:
        raise ValueError("it has characters that cannot be shown")
    return text


Text = Annotated[str, Field(max_length=256), AfterValidator(_plain)]
Name = Annotated[Text, Field(min_length=1)]
Seconds = Annotated[int, Field(ge=0, lt=_NO_END)]


class _Claims(BaseModel):
    """What both kinds of tokens say. Numbers are numbers and text is text: nothing is converted."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    sub: Name
    iat: Seconds
    exp: Seconds
    nbf: Seconds = 0


class _UserClaims(_Claims):
    permission_level: Literal["admin", "technician", "billing", "client"]
    # Core leaves it out of the tokens with which `/login` comes back, and they cannot be revoked.
    jti: Text | None = None
    name: Text | None = None
    email: Text | None = None
    preferred_username: Text | None = None
    groups: Annotated[list[Text], Field(max_length=1_000)] | None = None

    @property
    def permission(self) -> Permission:
        # Core names the highest of one's groups only, and puts technicians above billing.
        is_both = self.permission_level == "technician" and not _BILLING_GROUPS.isdisjoint(self.groups or ())
        return "billing" if is_both else self.permission_level


class _ServiceClaims(_Claims):
    type: Literal["service"]
    calling_service: Name
    target_service: Name


@dataclass(frozen=True, slots=True)
class Tokens:
    """Verifies tokens of one issuer with its keys; a service's must be for `service`."""

    keys: CoreKeys
    issuer: str
    service: str

    def person(self, token: str, now: datetime) -> Person:
        """Who a token speaks for at `now`.

        Raises NotSignedInError where it is not good, WrongServiceError where it is for another service,
        CoreUnavailableError where the key that it names is not known and Core does not answer.
        """
        claims = self._verified(token)
        try:
            if "type" in claims:
                return self._service(_ServiceClaims.model_validate(claims), now)
            return _user(_UserClaims.model_validate(claims), now)
        except ValidationError:
            raise NotSignedInError(_UNUSABLE) from None

    def _service(self, claims: _ServiceClaims, now: datetime) -> Person:
        if claims.sub != f"service:{claims.calling_service}":
            raise NotSignedInError(_UNUSABLE)
        if claims.target_service != self.service:
            raise WrongServiceError(
                f"The token is for {claims.target_service!r}: ask Core for one with the target_service "
                f"{self.service!r}."
            )
        return Person(name=claims.sub, permission="service", expires_at=_end(claims, now))

    def _verified(self, token: str) -> dict[str, Any]:
        """The claims of a token that Core has signed."""
        if len(token) > _LONGEST_TOKEN:
            raise NotSignedInError(_UNUSABLE)
        try:
            header = jwt.get_unverified_header(token)
            key_id = header.get("kid")
            if header.get("alg") != _ALGORITHM or not isinstance(key_id, str):
                raise NotSignedInError(_UNUSABLE)
            key = self.keys.key(key_id)
            try:
                return self._decode(token, key)
            except jwt.InvalidSignatureError:
                newer = self.keys.newer(key_id, key)
                if newer is None:
                    raise
                return self._decode(token, newer)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise NotSignedInError(_UNUSABLE) from None

    def _decode(self, token: str, key: RSAPublicKey) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            issuer=self.issuer,
            options={
                "require": ["iss", "sub", "iat", "exp"],
                # The times are compared with the caller's clock, below.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )


def _user(claims: _UserClaims, now: datetime) -> Person:
    return Person(
        name=claims.preferred_username or claims.email or claims.name or claims.sub,
        permission=claims.permission,
        expires_at=_end(claims, now),
        email=claims.email or None,
        groups=tuple(claims.groups or ()),
        token_id=claims.jti or None,
    )


def _end(claims: _Claims, now: datetime) -> datetime:
    """When the token ends. Raises NotSignedInError where that has been, or it does not hold yet."""
    seconds = now.timestamp()
    if claims.exp <= seconds:
        raise NotSignedInError("The token has expired: sign in again.")
    if max(claims.iat, claims.nbf) > seconds + _AHEAD:
        raise NotSignedInError("The token does not hold yet: compare the clocks of Core and of this machine.")
    return datetime.fromtimestamp(claims.exp, UTC)
