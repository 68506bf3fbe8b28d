"""`ledger doctor` and `ledger token`: the outside systems, and who we are to them."""

from __future__ import annotations

import re

import jwt
import pytest

from ledger_pipelines.sandbox.server import Sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.end_to_end.harness import Ledger, free_ports


def test_doctor_says_that_codex_answers_who_we_are_and_what_it_shows(
    ledger: Ledger, sandbox: Sandbox
) -> None:
    ledger.use(sandbox)
    done = ledger("doctor")

    assert (done.code, done.err) == (0, "")
    told = r"Ledger: PostgreSQL 1\d\.\d+, .*, migration \d+, months from 2024-01; no `ledger up` runs"
    assert re.search(told, done.out)
    (line,) = [line for line in done.out.splitlines() if "Codex" in line]
    assert [cell.strip() for cell in line.strip("│").split("│")] == [
        "Codex",
        "yes",
        "service:ledger",
        "10 companies",
    ]


def test_doctor_says_what_is_wrong_with_a_codex_that_does_not_answer(
    ledger: Ledger, sandbox: Sandbox
) -> None:
    (nobody_listens,) = free_ports(1)
    ledger.use(sandbox)
    done = ledger("doctor", CODEX_URL=f"http://127.0.0.1:{nobody_listens}")

    assert done.code == 1
    assert "Codex cannot be reached" in done.out
    assert "check CODEX_URL" in done.out
    assert "Traceback" not in done.out + done.err


def test_doctor_asks_the_cfo_s_database_where_it_is_another_one(ledger: Ledger, database: Database) -> None:
    done = ledger("doctor", CFO_DATABASE_URL=database.url)
    assert done.code == 0
    assert re.search(r"CFO's database │ yes +│ \w+ +│ no transactions yet", done.out)

    down = ledger("doctor", CFO_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert down.code == 1
    assert "The database none on 127.0.0.1:1 as nobody cannot be used (nobody listens there)" in down.out


def test_doctor_and_migrate_say_what_the_cfo_s_table_lacks_and_migrate_goes_on(
    ledger: Ledger, database: Database
) -> None:
    with database.connect() as connection:
        connection.execute(
            "CREATE TABLE public.transactions (transaction_id text PRIMARY KEY, amount numeric)"
        )
    done = ledger("doctor", CFO_DATABASE_URL=database.url)
    assert done.code == 1
    assert "it lacks id (a whole number that is its key), date, description" in done.out
    migrated = ledger("migrate", CFO_DATABASE_URL=database.url)
    assert migrated.code == 0
    assert "Warning: The CFO's table public.transactions" in migrated.err
    assert "The database is up to date." in migrated.out


@pytest.mark.parametrize(("variable", "missing"), [("CODEX_URL", "CORE_URL"), ("CORE_URL", "CODEX_URL")])
def test_doctor_says_what_a_source_lacks_that_is_half_configured(
    ledger: Ledger, variable: str, missing: str
) -> None:
    done = ledger("doctor", **{variable: "http://127.0.0.1:1"})

    assert done.code == 1
    assert f"Codex is not used, for {missing} is not set." in done.out


def test_a_token_is_what_the_sandbox_s_core_signed(ledger: Ledger, sandbox: Sandbox) -> None:
    done = ledger("token", "--permission", "admin", "--user", "ada", CORE_URL=sandbox.core_url)

    assert (done.code, done.err) == (0, "")
    token = done.out.removesuffix("\n")
    key = jwt.PyJWKClient(f"{sandbox.core_url}/.well-known/jwks.json").get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key.key, algorithms=["RS256"], issuer="hivematrix-core")
    assert (claims["preferred_username"], claims["permission_level"]) == ("ada", "admin")


@pytest.mark.parametrize(
    ("permission", "core", "sentence"),
    [
        ("king", "{base}/core", "'king' is no permission: choose admin, technician, billing or client."),
        ("admin", "{base}/codex", "is not the sandbox's Core"),
        ("admin", "http://127.0.0.1:{nobody}", "No sandbox answers at"),
    ],
    ids=["no such permission", "another Core", "nobody"],
)
def test_no_token_but_a_sentence(
    ledger: Ledger, sandbox: Sandbox, permission: str, core: str, sentence: str
) -> None:
    (nobody_listens,) = free_ports(1)
    url = core.format(base=sandbox.base_url, nobody=nobody_listens)
    done = ledger("token", "--permission", permission, CORE_URL=url)

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: ")
    assert sentence in done.err
