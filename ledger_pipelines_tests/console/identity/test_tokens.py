"""Which tokens are taken, for whom they speak, and what becomes of them when Core changes its key or is away."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.datastructures import Headers

from ledger_pipelines.console.identity.errors import (
    CoreUnavailableError,
    NotSignedInError,
    WrongServiceError,
)
from ledger_pipelines.console.identity.identity import Identity
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.sandbox.hivematrix.tokens import KEY_ID, Signer, new_key
from ledger_pipelines.sandbox.server import Sandbox
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.console.identity.conftest import Clock

USER = {
    **{"sub": "5f0c", "jti": "one", "name": "Ann Clerk", "email": "ann@example.com"},
    **{"preferred_username": "ann", "permission_level": "billing", "groups": ["billing"]},
}
SERVICE = {
    **{"sub": "service:codex", "type": "service", "calling_service": "codex", "target_service": "ledger"},
}
STRANGER = new_key()


def _ask(identity: Identity, clock: Clock, *authorisations: str, **cookies: str) -> Person:
    headers = Headers(raw=[(b"authorization", one.encode("utf-8")) for one in authorisations])
    return identity.person(headers, cookies, clock.now())


def _bearer(identity: Identity, clock: Clock, token: str) -> Person:
    return _ask(identity, clock, f"Bearer {token}")


def _requests_for(core: Sandbox, path: str) -> int:
    return sum(count for route, count in core.journal.of("core").items() if path in route)


def _without(claims: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in claims.items() if key != name}


def _by_hand(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    signed = part(json.dumps(header).encode()) + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(sign(signed))).decode()


def test_people_and_services_are_who_core_says(identity: Identity, clock: Clock, core: Sandbox) -> None:
    signer = core.signer
    ann = _bearer(identity, clock, signer.sign(USER, seconds=3600))
    assert (ann.name, ann.permission, ann.email, ann.groups, ann.token_id, ann.is_service) == (
        *("ann", "billing", "ann@example.com", ("billing",), "one", False),
    )
    assert 3500 < (ann.expires_at - clock.now()).total_seconds() < 3700
    codex = _ask(identity, clock, f"bearer {signer.service_token('codex', 'ledger')}")
    assert (codex.name, codex.permission, codex.is_service) == ("service:codex", "service", True)
    for level in ("admin", "technician", "billing", "client"):
        assert _bearer(identity, clock, signer.user_token("maren", level)).permission == level


@pytest.mark.parametrize(
    ("level", "groups", "permission"),
    [
        ("technician", ["technicians", "billing"], "billing"),
        ("technician", ["/technicians", "/billing"], "billing"),
        ("technician", ["technicians", "billing-readers"], "technician"),
        ("client", ["billing"], "client"),
        ("admin", ["billing"], "admin"),
    ],
)
def test_who_is_in_billing_beside_technicians_has_billing(
    identity: Identity, clock: Clock, core: Sandbox, level: str, groups: list[str], permission: str
) -> None:
    token = core.signer.sign(USER | {"permission_level": level, "groups": groups}, seconds=60)
    assert _bearer(identity, clock, token).permission == permission


def test_what_core_leaves_out_of_some_tokens_is_not_needed(
    identity: Identity, clock: Clock, core: Sandbox
) -> None:
    for name in ("jti", "name", "email", "preferred_username", "groups"):
        assert _bearer(identity, clock, core.signer.sign(_without(USER, name), seconds=60)).name
    nobody = USER | {"preferred_username": "", "email": "", "name": ""}
    assert _bearer(identity, clock, core.signer.sign(nobody, seconds=60)).name == "5f0c"


BROKEN: dict[str, dict[str, Any]] = {
    "another issuer": USER | {"iss": "hivematrix.core"},
    "no subject": _without(USER, "sub"),
    "an empty subject": USER | {"sub": ""},
    "no level": _without(USER, "permission_level"),
    "an unknown level": USER | {"permission_level": "owner"},
    "a level that is a list": USER | {"permission_level": ["admin"]},
    "another type": USER | {"type": "refresh"},
    "a type that is null": USER | {"type": None},
    "NUL in the name": USER | {"preferred_username": "a\0b"},
    "half a character": USER | {"email": "\ud800"},
    "a line feed": USER | {"name": "a\nb"},
    "an enormous name": USER | {"preferred_username": "a" * 300},
    "a subject that is a number": USER | {"sub": 7},
    "an id that is a number": USER | {"jti": 7},
    "groups that are text": USER | {"groups": "billing"},
    "groups that are numbers": USER | {"groups": [1]},
    "for somebody else": USER | {"aud": "codex"},
    "a service that is a person": SERVICE | {"sub": "ann"},
    "a service without a target": _without(SERVICE, "target_service"),
    "a service without a name": _without(SERVICE, "calling_service"),
    "a service that calls itself another": SERVICE | {"sub": "service:helm"},
    "not yet": USER | {"nbf": 10**10},
    "not yet, in text": USER | {"nbf": "0"},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_token_of_core_that_says_something_else_is_refused(
    identity: Identity, clock: Clock, core: Sandbox, name: str
) -> None:
    with pytest.raises(NotSignedInError):
        _bearer(identity, clock, core.signer.sign(BROKEN[name], seconds=60))


def test_a_token_for_another_service_is_refused(identity: Identity, clock: Clock, core: Sandbox) -> None:
    with pytest.raises(WrongServiceError, match="'codex'"):
        _bearer(identity, clock, core.signer.service_token("helm", "codex"))


def test_times_are_the_consoles_and_must_be_numbers(identity: Identity, clock: Clock, core: Sandbox) -> None:
    token = core.signer.sign(USER, seconds=3600)
    clock.go_on(3590)
    assert _bearer(identity, clock, token)
    clock.go_on(20)
    with pytest.raises(NotSignedInError, match="expired"):
        _bearer(identity, clock, token)
    clock.go_on(-2 * 3600)
    with pytest.raises(NotSignedInError, match="clocks"):
        _bearer(identity, clock, token)
    now = int(time.time())
    clock.go_on(3630 - 3600 + 3600)
    whole = USER | {"iss": "hivematrix-core", "iat": now, "exp": now + 9000}
    odd: list[dict[str, Any]] = [
        *({"exp": value} for value in (str(now), True, None, 10**30, -1, float("nan"), float("inf"))),
        *({"iat": value} for value in ("x", True, None, 10**30)),
    ]
    for times in odd:
        token = jwt.encode(whole | times, core.signer.key, algorithm="RS256", headers={"kid": KEY_ID})
        with pytest.raises(NotSignedInError):
            _bearer(identity, clock, token)
    for name in ("iss", "iat", "exp"):
        token = jwt.encode(_without(whole, name), core.signer.key, algorithm="RS256", headers={"kid": KEY_ID})
        with pytest.raises(NotSignedInError):
            _bearer(identity, clock, token)


def test_forged_tokens_are_refused(identity: Identity, clock: Clock, core: Sandbox) -> None:
    good = core.signer.sign(USER, seconds=3600)
    assert _bearer(identity, clock, good)
    claims = jwt.decode(good, options={"verify_signature": False})
    header = {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}
    public = core.signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def mac(data: bytes) -> bytes:
        return hmac.new(public, data, hashlib.sha256).digest()

    first, second, third = good.split(".")
    admin = base64.urlsafe_b64encode(json.dumps(claims | {"permission_level": "admin"}).encode())
    forged = [
        *("", "x", "a.b.c", "..", good + "x", good[:-4], f"{first}.{second}.", f"{first}.{second}"),
        f"{first}.{admin.rstrip(b'=').decode()}.{third}",
        _by_hand(header | {"alg": "none"}, claims, lambda _: b""),
        _by_hand(header | {"alg": "NONE"}, claims, lambda _: b""),
        _by_hand(header | {"alg": "HS256"}, claims, mac),
        _by_hand(header, claims, mac),
        jwt.encode(claims, STRANGER, algorithm="RS256", headers={"kid": KEY_ID}),
        jwt.encode(claims, STRANGER, algorithm="RS256", headers={"kid": "another"}),
        jwt.encode(claims, STRANGER, algorithm="RS256", headers={"kid": ""}),
        jwt.encode(claims, STRANGER, algorithm="RS256"),
        jwt.encode(claims, core.signer.key, algorithm="RS256"),
        jwt.encode(claims, core.signer.key, algorithm="RS512", headers={"kid": KEY_ID}),
        jwt.encode(claims, core.signer.key, algorithm="PS256", headers={"kid": KEY_ID}),
        jwt.encode(
            claims, STRANGER, algorithm="RS256", headers={"kid": KEY_ID, "jwk": Signer(STRANGER).key_set()}
        ),
        core.signer.sign(USER | {"padding": "x" * 20_000}, seconds=60),
        "e" * 20_000,
        _by_hand({"alg": "RS256", "kid": ["x"]}, claims, mac),
    ]
    for token in forged:
        with pytest.raises(NotSignedInError):
            _bearer(identity, clock, token)
    for authorisations in (
        *(["Bearer"], ["Basic YTpi"], [good], [f"Bearer {good} {good}"], [f"Bearer,{good}"], ["Bearer é"]),
        *([f"Bearer {good}", f"Bearer {good}"], [""]),
    ):
        with pytest.raises(NotSignedInError):
            _ask(identity, clock, *authorisations)
    assert _bearer(identity, clock, good), "the forged ones must not spoil what is good"


def test_a_key_that_changed_under_its_old_id_is_found_with_the_next_token(
    identity: Identity, clock: Clock, core: Sandbox
) -> None:
    old = core.signer.user_token("ann", "billing")
    assert _bearer(identity, clock, old)
    for _ in range(2):
        core.signer.change_key()
        assert _bearer(identity, clock, core.signer.user_token("ann", "billing"))
    with pytest.raises(NotSignedInError):
        _bearer(identity, clock, old)


def test_forged_tokens_make_core_be_asked_a_few_times_only(
    identity: Identity, clock: Clock, core: Sandbox
) -> None:
    good = core.signer.sign(_without(USER, "jti"), seconds=3600)
    _bearer(identity, clock, good)
    claims = jwt.decode(good, options={"verify_signature": False})

    def asked_for(key_id: str, times: int = 50) -> int:
        before = _requests_for(core, "jwks")
        forged = jwt.encode(claims, STRANGER, algorithm="RS256", headers={"kid": key_id})
        for _ in range(times):
            with pytest.raises(NotSignedInError):
                _bearer(identity, clock, forged)
        return _requests_for(core, "jwks") - before

    assert asked_for("unknown") == 1
    clock.go_on(29)
    assert asked_for("another") == 0
    clock.go_on(2)
    assert asked_for("another") == 1
    assert asked_for(KEY_ID) == 5
    # Even meanwhile a key that changed is found within a second.
    core.signer.change_key()
    clock.go_on(1)
    assert _bearer(identity, clock, core.signer.user_token("ann", "admin")).permission == "admin"


def test_without_core_known_keys_go_on_and_nobody_else_can_be_told(
    core: Sandbox,
    database: Database,
    clock: Clock,
    settings_of: Callable[[str | None], Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = core.signer.sign(USER, seconds=3600)
    nowhere = "http://127.0.0.1:9"
    for settings in (settings_of(None), settings_of(nowhere)):
        with pytest.raises(CoreUnavailableError):
            _bearer(Identity(settings, database), clock, token)
    identity = Identity(settings_of(core.core_url), database, clock=clock.count)
    assert _bearer(identity, clock, token)
    keys = identity._tokens.keys
    monkeypatch.setattr(keys, "_url", nowhere)
    monkeypatch.setattr(identity._core, "_url", nowhere)
    for _ in range(3):
        clock.go_on(700)
        assert _bearer(identity, clock, token), "known keys go on, and who was let in"
    clock.go_on(60)
    with pytest.raises(CoreUnavailableError):
        _bearer(identity, clock, jwt.encode(USER, STRANGER, algorithm="RS256", headers={"kid": "new"}))
    monkeypatch.setattr(keys, "_url", f"{core.core_url}/.well-known/jwks.json")
    core.signer.change_key()
    assert _bearer(identity, clock, core.signer.user_token("ann", "admin")), "Core is back"


def test_what_is_no_key_set_is_none(
    core: Sandbox, database: Database, clock: Clock, settings_of: Callable[[str | None], Settings]
) -> None:
    settings = settings_of(core.core_url)
    elsewhere = settings.model_copy(update={"jwks_url": f"{core.core_url}/health"})
    with pytest.raises(CoreUnavailableError):
        _bearer(Identity(elsewhere, database), clock, core.signer.sign(USER, seconds=60))


def test_a_token_that_was_signed_out_at_core_ends_within_a_minute(
    identity: Identity, clock: Clock, core: Sandbox
) -> None:
    token = core.signer.user_token("ann", "billing")
    before = _requests_for(core, "validate")
    for _ in range(5):
        assert _bearer(identity, clock, token)
    assert _requests_for(core, "validate") - before == 1
    core.signer.revoked.add(jwt.decode(token, options={"verify_signature": False})["jti"])
    clock.go_on(61)
    for _ in range(2):
        with pytest.raises(NotSignedInError, match="signed out"):
            _bearer(identity, clock, token)
