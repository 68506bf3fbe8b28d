"""What the documents say can be done: every command, SQL statement, variable and link in them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import click
import psycopg
import pytest
import typer

from docs_site.reference import openapi
from ledger_pipelines.cli import app
from ledger_pipelines.settings import Settings
from ledger_pipelines.sources.registry import SOURCES
from ledger_pipelines.store.database import Database

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
SQL = re.compile(r"```sql\n(.*?)```|ledger-sql -c \"(.*?)\"", re.DOTALL)


def commands() -> Iterator[tuple[str, str]]:
    """Each `ledger …` of each document: in a line of a block, or between backticks."""
    for document in DOCUMENTS:
        text = document.read_text()
        found = re.findall(r"^\$ ledger (.*?)(?: \| .*)?$", text, re.MULTILINE)
        found += re.findall(r"^ {4}(?:\S*/)?ledger (?=[a-z])(.*?)(?: +#.*)?$", text, re.MULTILINE)
        found += re.findall(r"`(?:\.venv/bin/)?ledger (?=[a-z])([^`\n]+)`", text)
        for command in found:
            yield document.name, command.strip()


def sql_statements() -> list[str]:
    """Each SQL statement of each document."""
    found = [
        block or statement for document in DOCUMENTS for block, statement in SQL.findall(document.read_text())
    ]
    return [statement.strip() for part in found for statement in part.split(";") if statement.strip()]


@pytest.mark.parametrize(("document", "command"), sorted(set(commands())))
def test_a_command_in_a_document_is_one(document: str, command: str) -> None:
    """Its subcommands and options are there, and it has as many arguments as it may."""
    current: click.Command = typer.main.get_command(app)  # type: ignore[assignment]
    words = shlex.split(command.replace("…", "something"))
    subcommands: dict[str, click.Command] | None = getattr(current, "commands", None)
    while subcommands and words:
        assert words[0] in subcommands, f"{document}: {command}"
        current = subcommands[words.pop(0)]
        subcommands = getattr(current, "commands", None)
    options = {name for one in current.params for name in one.opts}
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= options, (
        f"{document}: {command}"
    )


def test_there_are_commands_and_statements_to_be_tested() -> None:
    assert len(set(commands())) > 40
    assert len(sql_statements()) > 2


def test_sql_in_the_documents_runs(database: Database) -> None:
    with database.connect() as connection, connection.transaction(force_rollback=True):
        for statement in sql_statements():
            if not statement.startswith(("CREATE ROLE", "CREATE DATABASE")):
                connection.execute(statement)  # type: ignore[call-overload]


def test_the_role_and_the_database_of_the_documents_can_be_made(database: Database) -> None:
    """Under names of the test's own, since they are the server's."""
    name = f"docs_{uuid4().hex[:8]}"
    made = [one for one in sql_statements() if one.startswith(("CREATE ROLE", "CREATE DATABASE"))]
    assert len(made) == 2
    with psycopg.connect(database.url, autocommit=True) as connection:
        try:
            for statement in made:
                own = statement.replace("ledger_owner", name).replace("ledger_books", name)
                connection.execute(own)  # type: ignore[call-overload]
        finally:
            connection.execute(f"DROP DATABASE IF EXISTS {name}")  # type: ignore[call-overload]
            connection.execute(f"DROP ROLE IF EXISTS {name}")  # type: ignore[call-overload]


def test_every_setting_is_documented_and_every_documented_one_is_read() -> None:
    table = (ROOT / "docs/configuration.md").read_text()
    documented = {
        name
        for row in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
        for name in re.findall(r"`([A-Z_]+)`", row)
    }
    read = set()
    for kind in (Settings, *SOURCES):
        for field in kind.model_fields.values():
            alias = field.validation_alias
            read |= {alias} if isinstance(alias, str) else set(alias.choices)  # type: ignore[union-attr]
    assert documented == read


def requests_of(page: str) -> Iterator[tuple[str, str, str | None]]:
    """The method, address and body of each `curl` of a page's shell blocks that asks the console."""
    for block in re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL
    ):
        for line in re.findall(r"^curl .*(?:\\\n.*|\n +.*)*", block, re.MULTILINE):
            words = shlex.split(line.replace("\\\n", " "))
            [address] = [word for word in words if word.startswith("$LEDGER")]
            body = words[words.index("-d") + 1] if "-d" in words else None
            method = words[words.index("-X") + 1] if "-X" in words else "GET"
            yield method, address.removeprefix("$LEDGER"), body


def test_each_request_in_the_api_s_document_is_one_that_its_route_takes() -> None:
    """Its path and method are a route's, and so is each parameter in the address and each member of the body."""
    document = openapi()
    asked = list(requests_of("api.md"))
    assert len(asked) > 20
    for method, address, body in asked:
        parts = urlsplit(address)
        found = [
            operations[method.lower()]
            for path, operations in sorted(document["paths"].items(), key=lambda one: one[0].count("{"))
            if method.lower() in operations and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), parts.path)
        ]
        assert found, f"{method} {address}"
        known = {one["name"] for one in found[0].get("parameters", []) if one["in"] == "query"}
        assert set(dict(parse_qsl(parts.query))) <= known, f"{method} {address}"
        assert body is not None or not found[0].get("requestBody", {}).get("required"), f"{method} {address}"
        if body is not None:
            members = _members(document, found[0]["requestBody"]["content"]["application/json"]["schema"])
            assert members is None or set(json.loads(body)) <= members, f"{method} {address}: {body}"


def _members(document: dict[str, Any], schema: dict[str, Any]) -> set[str] | None:
    """The members that a body may have; None for a map, which may have any."""
    for one in schema.get("anyOf", [schema]):
        name = one.get("$ref", "").rpartition("/")[2]
        described = document["components"]["schemas"][name] if name else one
        if "properties" in described:
            return set(described["properties"])
    return None


def test_links_lead_to_files_and_headings_that_are_there() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", document.read_text()):
            path, _, heading = target.partition("#")
            if path.startswith("reference/"):
                continue  # Written from the code when the site is built (test_site.py).
            file = (document.parent / path).resolve() if path else document
            assert file.exists(), f"{document.name}: {target}"
            if heading:
                headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
                slugs = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}
                assert heading in slugs, f"{document.name}: {target}"
