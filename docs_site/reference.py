"""Pages of the reference, in Markdown, from what the code itself declares: commands, routes, tables, variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click
import typer
from fastapi.routing import APIRoute
from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from ledger_pipelines.cli import app
from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.context import Console
from ledger_pipelines.console.identity.errors import NotSignedInError
from ledger_pipelines.console.pages import ROUTERS as PAGES
from ledger_pipelines.settings import Settings
from ledger_pipelines.sources.registry import SOURCES
from ledger_pipelines.store.database import Database
from ledger_pipelines.tables import TABLES
from ledger_pipelines.tables.table import Table

_METHODS = ("get", "post", "put", "patch", "delete")


def pages() -> dict[str, str]:
    """The pages by their place in the site."""
    return {
        "reference/commands.md": commands(),
        "reference/routes.md": routes(),
        "reference/tables.md": tables(),
        "reference/variables.md": variables(),
    }


def commands() -> str:
    """Every command with what it does, its arguments and its options."""
    parts = [
        "# Commands",
        "`ledger --help` says the same, and each command takes `--help`. Months are `YYYY-MM`.",
    ]
    for name, command in command_tree():
        parts += [f"## ledger {name}", _words(command.help or "")]
        parts.append(_code(f"ledger {name} {_usage(command)}".strip()))
        rows = [(_code_span(_shown(one)), _parameter(one)) for one in command.params if one.name != "help"]
        if rows:
            parts.append(_table(("", "what it is"), rows))
    return _page(parts)


def command_tree() -> list[tuple[str, click.Command]]:
    """Each command that does something, by its words after `ledger`, in alphabetical order."""
    return sorted(_leaves("", typer.main.get_command(app)))  # type: ignore[arg-type]


def _leaves(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    subcommands: dict[str, click.Command] | None = getattr(command, "commands", None)
    if not subcommands:
        yield name, command
        return
    for word, subcommand in subcommands.items():
        yield from _leaves(f"{name} {word}".strip(), subcommand)


def _usage(command: click.Command) -> str:
    arguments = [_shown(one) for one in command.params if not one.opts[0].startswith("-")]
    return " ".join(arguments)


def _shown(parameter: click.Parameter) -> str:
    if parameter.opts[0].startswith("-"):
        return " / ".join([*parameter.opts, *parameter.secondary_opts])
    name = parameter.metavar or (parameter.name or "").upper()
    more = "…" if parameter.nargs == -1 and not name.endswith(("…", "...")) else ""
    return (name if parameter.required or name.startswith("[") else f"[{name}]") + more


def _parameter(parameter: click.Parameter) -> str:
    words = _words(getattr(parameter, "help", None) or "")
    default = parameter.default
    is_said = default not in (None, False, True, (), "") and not callable(default)
    return f"{words} Default: `{default}`.".strip() if is_said else words


def routes() -> str:
    """Every route of the API with its parameters, body and answers, and every page of the console."""
    document = openapi()
    parts = [
        "# Routes",
        "The console's API, from its OpenAPI document (`/openapi.json`), and its pages. Who may ask for what, and what "
        "the bodies mean, is in [the API's document](../api.md).",
    ]
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                parts += _operation(f"{method.upper()} {path}", operations[method])
    parts += ["## Pages", _table(("page", "what it is"), page_routes())]
    parts.append("## Bodies")
    for name, schema in sorted(document["components"]["schemas"].items()):
        members = schema.get("properties", {})
        rows = [(_code_span(one), _type(kind), kind.get("description", "")) for one, kind in members.items()]
        if rows:
            parts += [
                f"### {name}",
                _words(schema.get("description", "")),
                _table(("member", "type", ""), rows),
            ]
    return _page(parts)


def openapi() -> dict[str, Any]:
    """The API's document, of a console that nobody asks anything."""
    console = Console(Settings.model_construct(), Database("postgresql://localhost/none"), _Nobody())
    document: dict[str, Any] = create_app(console).openapi()
    return document


def page_routes() -> list[tuple[str, str]]:
    """Each page of the console, with the first line of what it says of itself."""
    found = [route for router in PAGES for route in router.routes if isinstance(route, APIRoute)]
    rows = [
        (_code_span(f"{method} {route.path}"), _words(route.description.partition("\n")[0]))
        for route in found
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]
    return sorted(rows, key=lambda row: row[0].split(" ")[::-1])


def _operation(name: str, operation: dict[str, Any]) -> list[str]:
    parts = [f"## {name}", _words(operation.get("description", ""))]
    rows = [
        (_code_span(one["name"]), one["in"], _type(one.get("schema", {})), one.get("description", ""))
        for one in operation.get("parameters", [])
    ]
    if rows:
        parts.append(_table(("parameter", "in", "type", ""), rows))
    body = _contents(operation.get("requestBody", {}))
    if body:
        parts.append(f"Body: {body}.")
    answers = [
        (status, _contents(answer), answer.get("description", ""))
        for status, answer in operation.get("responses", {}).items()
    ]
    return [*parts, _table(("status", "answer", ""), answers)]


def _contents(described: dict[str, Any]) -> str:
    kinds = (_type(one.get("schema", {})) for one in described.get("content", {}).values())
    return next((kind for kind in kinds if kind), "")


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(map(_type, schema[choice])))
    return str(schema.get("format") or schema.get("type") or "")


def tables() -> str:
    """Every table with what a row is, its key and its columns."""
    parts = [
        "# Tables and columns",
        "In the schema `ledger`, but for the CFO's transactions. In a [notebook](../notebook.md) each of the ledger's is "
        "a frame by its name; the same lines stand in Dagster's pages. A monthly table's key tells rows apart within "
        "their month.",
    ]
    for name, table in sorted(TABLES.items()):
        parts += [f"## {name}", table.row, _key(table)]
        rows = [
            (_code_span(column.name), column.sql_type, column.line, "yes" if column.is_optional else "")
            for column in table.all_columns
        ]
        parts.append(_table(("column", "type", "what it is", "may be null"), rows))
    return _page(parts)


def _key(table: Table) -> str:
    months = "A table by months. " if table.is_monthly else ""
    return f"{months}Key: {', '.join(map(_code_span, table.key))}."


def variables() -> str:
    """Every environment variable with its form and default."""
    parts = [
        "# Environment variables",
        "What each means, and what follows from it, is in [the configuration's document](../configuration.md).",
    ]
    rows = []
    kinds: tuple[type[BaseSettings], ...] = (Settings, *SOURCES)
    for kind in kinds:
        for field in kind.model_fields.values():
            alias: Any = field.validation_alias
            names = [alias] if isinstance(alias, str) else list(alias.choices)
            rows.append((", ".join(map(_code_span, names)), _form(field.annotation), _default(field.default)))
    return _page([*parts, _table(("variable", "form", "default"), sorted(rows))])


def _form(annotation: Any) -> str:
    words = {"str": "text", "int": "whole number", "Decimal": "number", "Path": "path", "date": "day"}
    text = str(annotation)
    if "SecretStr" in text:
        return "secret"
    if "IPv4Network" in text:
        return "addresses or networks, with commas"
    return next((word for name, word in words.items() if re.search(rf"\b{name}\b", text)), "text")


def _default(value: Any) -> str:
    if value is None or value is PydanticUndefined or isinstance(value, SecretStr):
        return "unset"
    return _code_span(",".join(map(str, value)) if isinstance(value, tuple) else str(value))


class _Nobody:
    """Knows nobody: the document is made without a request."""

    login_url = None

    def person(self, *_: Any) -> Any:
        raise NotSignedInError("Sign in first.")

    sign_in = sign_out = person


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [f"| {' | '.join(_cell(one) for one in row)} |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return _words(text).replace("|", "\\|")


def _words(text: str) -> str:
    """Text of the code in one paragraph; rich's mark-up and angle brackets are none of Markdown's."""
    return " ".join(re.sub(r"\[/?(?:bold|dim|red|yellow|green)\]", "", text).split()).replace("<", "&lt;")


def _code_span(text: str) -> str:
    return f"`{text}`"


def _code(text: str) -> str:
    return f"    {text}"
