"""4Geeks over real HTTP: pages, logins, and what its records become."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ledger_pipelines.errors import ConfigurationError, CredentialRefusedError, SourceUnavailableError
from ledger_pipelines.sources.fourgeeks.client import FourGeeksClient
from ledger_pipelines.sources.fourgeeks.models import MEMBERSHIPS, STUDENTS
from ledger_pipelines_tests.sources.conftest import FakeTime, Reply, Seen, reply
from ledger_pipelines_tests.sources.school_records import membership, student
from ledger_pipelines_tests.sources.school_servers import HTML, PASSWORD, TOKEN, FourGeeksLike, running

STUDENT_PATH, MEMBERSHIP_PATH = "/auth/academy/student", "/admissions/academy/cohort/user"
EMAIL = "ledger@school.example"
Open = Callable[..., FourGeeksClient]


@pytest.fixture
def fourgeeks() -> Iterator[FourGeeksLike]:
    with running(FourGeeksLike()) as server:
        server.lists = {STUDENT_PATH: [], MEMBERSHIP_PATH: []}
        yield server


@pytest.fixture
def open_client(fourgeeks: FourGeeksLike, fake_time: FakeTime) -> Open:
    """Opens a client of the stand-in; its waits are fake."""
    return lambda **more: FourGeeksClient(fourgeeks.url, clock=fake_time.clock, timeout=5, **more)


@pytest.fixture
def client(open_client: Open) -> Iterator[FourGeeksClient]:
    """A client with a token."""
    with open_client(token=TOKEN) as client:
        yield client


def test_a_student_is_known_by_the_profile_and_its_user(
    fourgeeks: FourGeeksLike, client: FourGeeksClient
) -> None:
    fourgeeks.lists[STUDENT_PATH] = [
        student(2, user=None, email="Invited@School.example ", first_name=""),
        student(1, email=None),
    ]
    students = client.students()
    assert students.problems == []
    assert students.frame.schema.equals(STUDENTS)
    created = datetime(2024, 1, 10, 9, 0, 0, 123456, tzinfo=UTC)
    assert students.frame.drop_columns(["status", "last_name"]).to_pylist() == [
        {
            "id": 1,
            "user_id": 1001,
            "email": "ana.ruiz@school.example",
            "first_name": "Ana",
            "created_at": created,
        },
        {
            "id": 2,
            "user_id": None,
            "email": "invited@school.example",
            "first_name": None,
            "created_at": created,
        },
    ]


def test_a_membership_says_its_program_and_its_times(
    fourgeeks: FourGeeksLike, client: FourGeeksClient
) -> None:
    fourgeeks.lists[MEMBERSHIP_PATH] = [membership()]
    memberships = client.memberships()
    assert memberships.frame.schema.equals(MEMBERSHIPS)
    assert memberships.frame.to_pylist() == [
        {
            "id": 1,
            "user_id": 7,
            "email": "ana@school.example",
            "cohort_id": 1429,
            "cohort_slug": "spain-fs-pt-42",
            "cohort_name": "Madrid XLII",
            "program_slug": "full-stack",
            "program_name": "Full Stack",
            "kickoff_at": datetime(2024, 1, 1, 20, tzinfo=UTC),
            "ending_at": datetime(2024, 5, 19, 22, 30, tzinfo=UTC),
            "educational_status": "ACTIVE",
            "is_of_micro_cohort": False,
            "created_at": datetime(2023, 12, 20, 18, 32, 22, 713896, tzinfo=UTC),
            "updated_at": datetime(2024, 3, 10, 23, 59, 59, tzinfo=UTC),
        }
    ]


def test_a_membership_may_lack_its_end_its_user_and_its_program(
    fourgeeks: FourGeeksLike, client: FourGeeksClient
) -> None:
    cohort = {
        "id": 9,
        "slug": "forever",
        "kickoff_date": "2024-01-01T23:30:00-02:00",
        "syllabus_version": None,
    }
    fourgeeks.lists[MEMBERSHIP_PATH] = [
        membership(user=None, educational_status=None, cohort=cohort | {"ending_date": None})
    ]
    memberships = client.memberships()
    assert memberships.problems == []
    [row] = memberships.frame.to_pylist()
    missing = ("user_id", "email", "cohort_name", "program_slug", "program_name", "ending_at")
    assert all(row[name] is None for name in (*missing, "educational_status"))
    assert row["kickoff_at"] == datetime(2024, 1, 2, 1, 30, tzinfo=UTC)


def test_a_bare_date_is_that_day_in_every_zone_that_schools_are_in(
    fourgeeks: FourGeeksLike, client: FourGeeksClient
) -> None:
    cohort = {"id": 9, "kickoff_date": "2024-02-01", "ending_date": "2024-03-01"}
    fourgeeks.lists[MEMBERSHIP_PATH] = [membership(cohort=cohort)]
    [row] = client.memberships().frame.to_pylist()
    for zone in ("America/Los_Angeles", "Europe/Madrid", "Asia/Tokyo"):
        assert row["kickoff_at"].astimezone(ZoneInfo(zone)).date() == date(2024, 2, 1)


@pytest.mark.parametrize(
    ("source", "is_micro"),
    [(None, False), ({"id": 3, "slug": "macro"}, True), (3, True), ("macro", True)],
)
def test_a_membership_that_a_macro_cohort_brought_says_so(
    source: Any, is_micro: bool, fourgeeks: FourGeeksLike, client: FourGeeksClient
) -> None:
    fourgeeks.lists[MEMBERSHIP_PATH] = [membership(source_macro_cohort=source)]
    assert client.memberships().frame["is_of_micro_cohort"].to_pylist() == [is_micro]


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ({"cohort": None}, "Membership 2 has no cohort."),
        ({"cohort": {"id": "x"}}, "Membership 2 has the cohort.id 'x', which is not a whole number."),
        ({"updated_at": "soon"}, "Membership 2 has the updated_at 'soon', which is not a timestamp."),
        ({"user": {"id": 7, "email": 5}}, "Membership 2 has the user.email 5, which is not text."),
        ({"id": None}, "A membership has no id."),
    ],
)
def test_a_membership_that_cannot_be_read_is_one_problem(
    broken: dict[str, Any], sentence: str, fourgeeks: FourGeeksLike, client: FourGeeksClient
) -> None:
    fourgeeks.lists[MEMBERSHIP_PATH] = [membership(1), membership(2, **broken), membership(3)]
    memberships = client.memberships()
    assert memberships.frame["id"].to_pylist() == [1, 3]
    [problem] = memberships.problems
    assert (problem.integration, problem.operation, problem.entity_type, problem.message) == (
        "4geeks",
        "service-periods",
        "membership",
        sentence,
    )
    assert problem.details["record"]["role"] == "STUDENT"


def test_a_student_that_cannot_be_read_belongs_to_the_clients_step(
    fourgeeks: FourGeeksLike, client: FourGeeksClient
) -> None:
    fourgeeks.lists[STUDENT_PATH] = [student(1), student(2, created_at=None)]
    [problem] = client.students().problems
    assert (problem.operation, problem.entity_type, problem.external_id, problem.message) == (
        "crm-clients",
        "student",
        "2",
        "Student 2 has no created_at.",
    )


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (1, 1), (1000, 1), (1001, 1), (1002, 2), (2500, 3)])
def test_no_page_is_asked_for_that_is_not_there(
    count: int, calls: int, fourgeeks: FourGeeksLike, client: FourGeeksClient
) -> None:
    fourgeeks.lists[MEMBERSHIP_PATH] = [membership(number + 1) for number in range(count)]
    assert client.memberships().frame.num_rows == count
    fixed = {"limit": "1001", "sort": "id", "cache": "false", "roles": "STUDENT"}
    assert fourgeeks.queries() == [fixed | {"offset": str(1000 * page)} for page in range(calls)]
    assert {seen.headers["Academy"] for seen in fourgeeks.seen} == {"6"}


class Shifting(FourGeeksLike):
    """Deletes the first record, and adds one at the end if `refills`, after each of the next `times` requests."""

    times = 0
    refills = False

    def answer(self, seen: Seen) -> Reply:
        answered = super().answer(seen)
        if self.times:
            self.times -= 1
            records = self.lists[MEMBERSHIP_PATH]
            following = [membership(records[-1]["id"] + 1)] if self.refills else []
            self.lists[MEMBERSHIP_PATH] = records[1:] + following
        return answered


@pytest.mark.parametrize("refills", [False, True])
@pytest.mark.parametrize(("times", "is_told"), [(1, False), (20, True)])
def test_a_list_from_which_a_record_is_deleted_while_it_is_read_is_read_again(
    times: int, is_told: bool, refills: bool, fake_time: FakeTime
) -> None:
    with running(Shifting()) as server:
        server.lists = {MEMBERSHIP_PATH: [membership(number) for number in range(1, 2600)]}
        server.times, server.refills = times, refills
        with FourGeeksClient(server.url, token=TOKEN, clock=fake_time.clock) as client:
            reading = client.memberships()
    if not is_told:
        expected = [record["id"] for record in server.lists[MEMBERSHIP_PATH]]
        assert (reading.frame["id"].to_pylist(), reading.problems) == (expected, [])
        assert reading.sizes == {"memberships of academy 6": len(expected)}
    else:
        [problem] = reading.problems
        assert (problem.entity_type, problem.external_id) == ("list", "memberships of academy 6")
        assert (problem.operation, problem.is_blocking) == ("service-periods", True)
        assert "none is taken for gone" in problem.message


def test_a_record_that_is_twice_in_a_list_that_holds_still_is_taken_once(
    fourgeeks: FourGeeksLike, client: FourGeeksClient
) -> None:
    newer = membership(2, updated_at="2024-04-01T00:00:00Z", educational_status="DROPPED")
    fourgeeks.lists[MEMBERSHIP_PATH] = [*(membership(number) for number in range(1, 1501)), newer]
    memberships = client.memberships()
    assert (memberships.frame.num_rows, memberships.problems) == (1500, [])
    assert memberships.frame["educational_status"].to_pylist()[:3] == ["ACTIVE", "DROPPED", "ACTIVE"]
    assert [query["offset"] for query in fourgeeks.queries()] == ["0", "1000"] * 2


def test_each_academy_is_asked_with_its_own_header_and_all_with_one_login(
    fourgeeks: FourGeeksLike, open_client: Open
) -> None:
    fourgeeks.academies = {"6": [student(1)], "7": [student(2), student(3)]}
    with open_client(email=EMAIL, password=PASSWORD, academy="6, 7") as client:
        reading = client.students()
        check = client.check()
    assert reading.frame["id"].to_pylist() == [1, 2, 3]
    assert reading.sizes == {"students of academy 6": 1, "students of academy 7": 2}
    assert fourgeeks.logins == 1
    assert (check.ok, check.records) == (True, 3)
    assert "in academies 6, 7" in check.detail


def test_an_academy_that_refuses_us_fails_the_whole_reading(
    fourgeeks: FourGeeksLike, open_client: Open
) -> None:
    fourgeeks.academies = {"6": [student(1)]}
    with open_client(token=TOKEN, academy="6,7") as client, pytest.raises(CredentialRefusedError):
        client.students()


@pytest.mark.parametrize("academy", ["", " , "])
def test_no_academy_at_all_is_said(academy: str, open_client: Open) -> None:
    with pytest.raises(ConfigurationError, match="FOURGEEKS_ACADEMY names no academy"):
        open_client(token=TOKEN, academy=academy)


@pytest.mark.parametrize(
    "page",
    [
        {"count": 25, "next": None, "results": [membership(number) for number in range(20)]},
        {"count": 25, "next": "more", "results": []},
    ],
)
def test_a_list_that_ends_before_its_count_is_a_failure(
    page: dict[str, Any], fourgeeks: FourGeeksLike, client: FourGeeksClient
) -> None:
    fourgeeks.faults = [reply(page)]
    with pytest.raises(SourceUnavailableError) as caught:
        client.memberships()
    assert str(caught.value) == (
        f"4Geeks ended its list at {len(page['results'])} of 25 records at {fourgeeks.url}{MEMBERSHIP_PATH}: "
        "try again."
    )


def test_a_list_that_goes_on_after_its_count_is_a_failure(
    fourgeeks: FourGeeksLike, client: FourGeeksClient
) -> None:
    fourgeeks.faults = [reply({"count": 1, "next": "more", "results": [membership()]})]
    with pytest.raises(SourceUnavailableError, match="counts 1 records and says that more follow"):
        client.memberships()


@pytest.mark.parametrize("body", [[student()], {"results": []}, {"count": "1", "next": None, "results": []}])
def test_an_answer_that_is_no_page_is_a_failure(
    body: Any, fourgeeks: FourGeeksLike, client: FourGeeksClient
) -> None:
    fourgeeks.faults = [reply(body)] * 8
    with pytest.raises(SourceUnavailableError, match="is not the JSON that it promises"):
        client.students()
    assert len(fourgeeks.seen) == 8


def test_a_compressed_page_is_read(fourgeeks: FourGeeksLike, client: FourGeeksClient) -> None:
    body = json.dumps({"count": 1, "next": None, "results": [student()]}).encode()
    fourgeeks.faults = [Reply(body=zlib.compress(body), headers={"Content-Encoding": "deflate"})]
    assert client.students().frame.num_rows == 1


def test_a_page_that_failed_is_asked_for_again(fourgeeks: FourGeeksLike, client: FourGeeksClient) -> None:
    fourgeeks.lists[STUDENT_PATH] = [student()]
    fourgeeks.faults = [HTML, Reply(503), Reply(body=b"{", missing=3), Reply(hangs_up=True)]
    assert client.students().frame.num_rows == 1
    assert len(fourgeeks.seen) == 5


def test_a_login_is_made_once_for_all_that_follows(fourgeeks: FourGeeksLike, open_client: Open) -> None:
    with open_client(email=EMAIL, password=PASSWORD) as client:
        client.students()
        client.memberships()
    assert fourgeeks.logins == 1
    assert [seen.method for seen in fourgeeks.seen] == ["POST", "GET", "GET"]
    assert "Academy" not in fourgeeks.seen[0].headers


def test_a_refused_token_is_replaced_by_one_new_login(fourgeeks: FourGeeksLike, open_client: Open) -> None:
    with open_client(email=EMAIL, password=PASSWORD) as client:
        client.students()
        fourgeeks.tokens.clear()
        client.memberships()
        client.memberships()
    assert fourgeeks.logins == 2


def test_a_given_token_goes_before_a_login(fourgeeks: FourGeeksLike, open_client: Open) -> None:
    with open_client(token=TOKEN, email=EMAIL, password=PASSWORD) as client:
        client.students()
        assert fourgeeks.logins == 0
        fourgeeks.tokens.clear()
        client.students()
    assert fourgeeks.logins == 1


def test_a_token_that_is_always_refused_ends_after_one_login(
    fourgeeks: FourGeeksLike, open_client: Open
) -> None:
    refusal = reply({"error": "Invalid or Inactive Token", "status_code": 401}, 401)
    with open_client(token=TOKEN, email=EMAIL, password=PASSWORD) as client:
        fourgeeks.refusal = refusal
        with pytest.raises(CredentialRefusedError) as caught:
            client.students()
    assert str(caught.value) == (
        f"4Geeks refused us at {fourgeeks.url}{STUDENT_PATH} (401 Unauthorized, “Invalid or Inactive Token”): "
        "check FOURGEEKS_EMAIL and FOURGEEKS_PASSWORD, and that FOURGEEKS_ACADEMY is an academy to read with it."
    )
    assert fourgeeks.logins == 1


def test_a_refused_token_without_a_login_says_what_to_check(
    fourgeeks: FourGeeksLike, client: FourGeeksClient
) -> None:
    fourgeeks.tokens.clear()
    with pytest.raises(CredentialRefusedError, match="check FOURGEEKS_TOKEN, and that FOURGEEKS_ACADEMY"):
        client.students()
    assert len(fourgeeks.seen) == 1


def test_a_wrong_password_is_said_and_not_shown(fourgeeks: FourGeeksLike, open_client: Open) -> None:
    wrong = "pass-word-nobody-may-see"
    with open_client(email=EMAIL, password=wrong) as client:
        with pytest.raises(CredentialRefusedError) as caught:
            client.students()
        check = client.check()
    assert str(caught.value) == check.detail
    assert str(caught.value) == (
        f"4Geeks does not let us log in at {fourgeeks.url}/auth/login/ (400 Bad Request, “Unable to log in with "
        "provided credentials ([redacted])”): check FOURGEEKS_EMAIL and FOURGEEKS_PASSWORD."
    )


@pytest.mark.parametrize("answer", [reply({"token": ""}), reply({"token": "tökén"}), reply([])])
def test_a_login_without_a_token_is_said(answer: Reply, fourgeeks: FourGeeksLike, open_client: Open) -> None:
    fourgeeks.faults = [answer]
    with (
        open_client(email=EMAIL, password=PASSWORD) as client,
        pytest.raises(SourceUnavailableError) as caught,
    ):
        client.students()
    assert str(caught.value) == (
        f"4Geeks answered a login without a token at {fourgeeks.url}/auth/login/: check FOURGEEKS_URL."
    )


def test_a_login_that_fails_repeats_no_password(fourgeeks: FourGeeksLike, open_client: Open) -> None:
    fourgeeks.faults = [reply({"detail": f"no user with {PASSWORD}"}, 500)] * 8
    with (
        open_client(email=EMAIL, password=PASSWORD) as client,
        pytest.raises(SourceUnavailableError) as caught,
    ):
        client.students()
    assert "no user with [redacted]" in str(caught.value)
    assert PASSWORD not in repr(caught.value)


def test_another_academy_is_named_in_the_refusal(open_client: Open) -> None:
    with open_client(token=TOKEN, academy=7) as client, pytest.raises(CredentialRefusedError) as caught:
        client.students()
    assert "(403 Forbidden, “Missing academy_id parameter expected”): check FOURGEEKS_TOKEN" in str(
        caught.value
    )


def test_a_check_counts_the_students_with_one_small_request(
    fourgeeks: FourGeeksLike, client: FourGeeksClient
) -> None:
    fourgeeks.lists[STUDENT_PATH] = [student(number) for number in range(1234)]
    check = client.check()
    assert (check.name, check.ok, check.records) == ("4Geeks", True, 1234)
    assert check.detail == (
        f"4Geeks at {fourgeeks.url} shows 1,234 students to the holder of FOURGEEKS_TOKEN in academy 6."
    )
    assert [query["limit"] for query in fourgeeks.queries()] == ["1"]


@pytest.mark.parametrize("given", [{}, {"email": EMAIL}, {"password": PASSWORD}, {"token": ""}])
def test_a_client_needs_a_way_to_say_who_it_is(given: dict[str, str], open_client: Open) -> None:
    with pytest.raises(
        ConfigurationError, match="Set FOURGEEKS_TOKEN, or FOURGEEKS_EMAIL and FOURGEEKS_PASSWORD"
    ):
        open_client(**given)
