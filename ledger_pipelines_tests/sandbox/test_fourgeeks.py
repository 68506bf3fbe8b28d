"""4Geeks' login, pages, cache, compression and refusals (wire/fourgeeks.md)."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator

import brotli
import orjson
import pytest
import requests

from ledger_pipelines.sandbox.compression import zstd
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.fourgeeks.access import FOURGEEKS_EMAIL, FOURGEEKS_PASSWORD, FOURGEEKS_TOKEN
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines_tests.sandbox import TIMEOUT_SECONDS
from ledger_pipelines_tests.sandbox.conftest import UNTIL
from ledger_pipelines_tests.sandbox.school_clients import FourGeeks, Record

STUDENTS = "/auth/academy/student"
MEMBERSHIPS = "/admissions/academy/cohort/user"
GOOD = f"Token {FOURGEEKS_TOKEN}"


@pytest.fixture
def own() -> Iterator[FourGeeks]:
    """A school of the named cases only, for one test."""
    config = SandboxConfig(until=UNTIL, companies=1, students=0, invoices=0)
    with running_sandbox(config) as running, requests.Session() as session:
        yield FourGeeks(running, session)


@pytest.fixture(scope="module")
def memberships(fourgeeks: FourGeeks) -> list[Record]:
    return fourgeeks.memberships()


def test_a_login_gives_a_token_that_opens_until_it_expires(own: FourGeeks) -> None:
    answer = own.login(FOURGEEKS_EMAIL, FOURGEEKS_PASSWORD)
    assert answer.status_code == 200
    assert set(answer.json()) == {"token", "user_id", "email", "expires_at"}
    token = answer.json()["token"]
    assert re.fullmatch(r"[0-9a-f]{40}", token)

    headers = {"Authorization": f"Token {token}", "Academy": "6"}
    assert own.ask(STUDENTS, headers=headers).status_code == 200
    own.session.post(f"{own.sandbox.base_url}/sandbox/expire-logins", timeout=TIMEOUT_SECONDS)
    refused = own.ask(STUDENTS, headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (401, "Invalid or Inactive Token")
    assert own.ask(STUDENTS).status_code == 200
    again = own.login(FOURGEEKS_EMAIL, FOURGEEKS_PASSWORD).json()["token"]
    assert again != token


@pytest.mark.parametrize(
    ("email", "password"),
    [(FOURGEEKS_EMAIL, "wrong"), ("nobody@school.example", FOURGEEKS_PASSWORD)],
)
def test_a_wrong_login_is_refused(fourgeeks: FourGeeks, email: str, password: str) -> None:
    answer = fourgeeks.login(email, password)
    assert (answer.status_code, answer.json()) == (
        400,
        {"non_field_errors": ["Unable to log in with provided credentials."], "status_code": 400},
    )


@pytest.mark.parametrize(
    ("headers", "status", "body"),
    [
        (
            {"Academy": "6"},
            401,
            {"detail": "Authentication credentials were not provided.", "status_code": 401},
        ),
        (
            {"Academy": "6", "Authorization": GOOD.replace("Token", "Bearer")},
            401,
            {"detail": "Authentication credentials were not provided.", "status_code": 401},
        ),
        (
            {"Academy": "6", "Authorization": "Token 0000"},
            401,
            {"error": "Invalid or Inactive Token", "is_authenticated": "False", "status_code": 401},
        ),
        (
            {"Authorization": GOOD},
            403,
            {
                "detail": "Missing academy_id parameter expected for the endpoint url or 'Academy' header",
                "status_code": 403,
            },
        ),
    ],
)
@pytest.mark.parametrize("path", [STUDENTS, MEMBERSHIPS])
def test_without_token_or_academy_nothing_is_shown(
    fourgeeks: FourGeeks, path: str, headers: dict[str, str], status: int, body: Record
) -> None:
    answer = fourgeeks.ask(path, headers=headers)
    assert (answer.status_code, answer.json()) == (status, body)


def test_another_academy_is_forbidden(fourgeeks: FourGeeks) -> None:
    answer = fourgeeks.ask(STUDENTS, headers={"Authorization": GOOD, "Academy": "7"})
    assert answer.status_code == 403
    assert "academy 7" in answer.json()["detail"]


def test_unknown_routes_are_not_found_and_methods_not_allowed(fourgeeks: FourGeeks) -> None:
    assert fourgeeks.ask("/nothing").status_code == 404
    assert fourgeeks.ask("/auth/login/").status_code == 405


def test_without_limit_and_offset_only_the_first_twenty_come(fourgeeks: FourGeeks) -> None:
    bare = fourgeeks.ask(STUDENTS, cache="false").json()
    assert isinstance(bare, list)
    assert len(bare) == 20 < len(fourgeeks.students())


def test_pages_are_linked_from_first_to_last(fourgeeks: FourGeeks) -> None:
    url: str | None = f"{fourgeeks.sandbox.fourgeeks_url}{STUDENTS}?limit=300&cache=false"
    headers = {"Authorization": GOOD, "Academy": "6"}
    pages = []
    while url is not None:
        answer = fourgeeks.session.get(url, headers=headers, timeout=TIMEOUT_SECONDS)
        pages.append(answer.json())
        url = answer.json()["next"]
    total = len(fourgeeks.students())
    assert [page["count"] for page in pages] == [total] * 3
    assert [len(page["results"]) for page in pages] == [300, 300, total - 600]
    assert [page["first"] is None for page in pages] == [True, False, False]
    assert [page["last"] is None for page in pages] == [False, False, True]
    assert [page["previous"] is None for page in pages] == [True, False, False]
    assert len({row["id"] for page in pages for row in page["results"]}) == total


def test_pages_say_where_they_are_in_headers(fourgeeks: FourGeeks) -> None:
    answer = fourgeeks.ask(STUDENTS, limit="100", offset="200", cache="false")
    shown = {name: answer.headers[name] for name in ("X-Total-Count", "X-Per-Page", "X-Page")}
    assert shown == {"X-Total-Count": str(answer.json()["count"]), "X-Per-Page": "100", "X-Page": "3"}
    assert set(answer.links) == {"first", "next", "previous", "last"}
    assert answer.links["next"]["url"] == answer.json()["next"]


def test_there_is_no_greatest_limit_and_offset_alone_makes_pages_of_twenty(fourgeeks: FourGeeks) -> None:
    everything = fourgeeks.ask(STUDENTS, limit="100000", cache="false").json()
    assert len(everything["results"]) == everything["count"]
    assert (everything["first"], everything["next"], everything["last"]) == (None, None, None)
    assert len(fourgeeks.ask(STUDENTS, offset="40", cache="false").json()["results"]) == 20


def test_without_cache_false_the_answer_is_stale(fourgeeks: FourGeeks, memberships: list[Record]) -> None:
    email = "dropped.on.the.last.day@cases.example"

    def status(rows: list[Record]) -> list[str]:
        return [row["educational_status"] for row in rows if row["user"]["email"] == email]

    stale = fourgeeks.ask(MEMBERSHIPS, limit="100000", roles="STUDENT").json()["results"]
    assert status(stale) == ["ACTIVE"]
    assert status(memberships) == ["DROPPED"]


@pytest.mark.parametrize(
    ("encoding", "unpack"),
    [
        ("zstd", zstd.decompress),
        ("br", brotli.decompress),
        ("deflate", zlib.decompress),
        ("gzip", gzip.decompress),
    ],
)
def test_large_bodies_come_compressed_as_the_client_accepts(
    fourgeeks: FourGeeks, encoding: str, unpack: Callable[[bytes], bytes]
) -> None:
    headers = {"Authorization": GOOD, "Academy": "6", "Accept-Encoding": encoding}
    url = f"{fourgeeks.sandbox.fourgeeks_url}{STUDENTS}"
    params = {"limit": "500", "cache": "false"}
    packed = fourgeeks.session.get(url, headers=headers, params=params, stream=True, timeout=TIMEOUT_SECONDS)
    assert packed.headers["Content-Encoding"] == encoding
    body = packed.raw.read(decode_content=False)
    assert orjson.loads(unpack(body)) == fourgeeks.ask(STUDENTS, **params).json()


def test_small_bodies_and_those_of_clients_that_accept_nothing_come_plain(fourgeeks: FourGeeks) -> None:
    headers = {"Authorization": GOOD, "Academy": "6", "Accept-Encoding": "identity"}
    assert "Content-Encoding" not in fourgeeks.ask(STUDENTS, headers=headers, limit="500").headers
    assert "Content-Encoding" not in fourgeeks.ask(STUDENTS, limit="2").headers
    refused = headers | {"Accept-Encoding": "br;q=0, deflate"}
    assert fourgeeks.ask(STUDENTS, headers=refused, limit="500").headers["Content-Encoding"] == "deflate"


def test_memberships_are_of_teachers_too_unless_roles_says_students(
    fourgeeks: FourGeeks, memberships: list[Record]
) -> None:
    everyone = fourgeeks.memberships(roles="")
    assert {row["role"] for row in everyone} == {"STUDENT", "TEACHER"}
    assert {row["role"] for row in memberships} == {"STUDENT"}
    assert len(everyone) > len(memberships)


def test_memberships_can_be_had_by_user_cohort_and_status_and_sorted(
    fourgeeks: FourGeeks, memberships: list[Record]
) -> None:
    cohort = memberships[100]["cohort"]
    for name in (cohort["slug"], str(cohort["id"])):
        found = fourgeeks.memberships(cohorts=name)
        assert found
        assert {row["cohort"]["id"] for row in found} == {cohort["id"]}
    users = ",".join(str(row["user"]["id"]) for row in memberships[:2])
    assert {row["id"] for row in fourgeeks.memberships(users=users)} >= {row["id"] for row in memberships[:2]}
    left = fourgeeks.memberships(educational_status="DROPPED,SUSPENDED")
    assert {row["educational_status"] for row in left} == {"DROPPED", "SUSPENDED"}
    seconds = [row["created_at"][:19] for row in fourgeeks.memberships(sort="-created_at")]
    assert seconds == sorted(seconds, reverse=True)
    assert seconds != [row["created_at"][:19] for row in memberships]


def test_students_can_be_had_by_text_status_and_cohort(fourgeeks: FourGeeks) -> None:
    assert {row["status"] for row in fourgeeks.students(status="INVITED")} == {"INVITED"}
    (found,) = fourgeeks.students(like="CREDITED.IN.FULL@")
    (membership,) = fourgeeks.memberships(users=str(found["user"]["id"]))
    slug = membership["cohort"]["slug"]
    assert [row["id"] for row in fourgeeks.students(cohort=slug)] == [found["id"]]


def test_a_member_can_be_had_by_email_and_an_unknown_one_is_not_found(fourgeeks: FourGeeks) -> None:
    assert (
        fourgeeks.ask("/auth/academy/member/Active@cases.example").json()["email"] == "active@cases.example"
    )
    answer = fourgeeks.ask("/auth/academy/member/nobody@nowhere.example")
    refusal = {"detail": "Profile not found for this user and academy", "status_code": 404}
    assert (answer.status_code, answer.json()) == (404, refusal)


def test_a_profile_is_not_its_user_and_the_invited_have_none(fourgeeks: FourGeeks) -> None:
    students = fourgeeks.students()
    invited = [row for row in students if row["user"] is None]
    assert {row["status"] for row in invited} == {"INVITED"}
    assert all(row["user"]["id"] != row["id"] for row in students if row["user"])
    assert {row["role"]["id"] for row in students} == {"student"}


def test_memberships_show_every_status_and_cohorts_that_never_end(memberships: list[Record]) -> None:
    assert {row["educational_status"] for row in memberships} == {
        *("ACTIVE", "POSTPONED", "GRADUATED", "SUSPENDED", "DROPPED", "NOT_COMPLETING", "SABBATICAL", None)
    }
    endless = [row["cohort"] for row in memberships if row["cohort"]["ending_date"] is None]
    assert endless
    assert {cohort["available_as_saas"] for cohort in endless} == {True}


def test_moments_have_six_decimals_or_none(memberships: list[Record]) -> None:
    moments = [row[key] for row in memberships for key in ("created_at", "updated_at")]
    forms = [r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", r"[^.]*", r".*\.\d{6}Z"]
    assert all(re.fullmatch(forms[0], moment) for moment in moments)
    assert all(any(re.fullmatch(form, moment) for moment in moments) for form in forms[1:])
    assert max(moments)[:10] <= UNTIL.isoformat()
    assert all(row["created_at"][:19] <= row["updated_at"][:19] for row in memberships)
