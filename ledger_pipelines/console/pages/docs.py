"""`/docs`: what the API takes and answers, from its OpenAPI document; nothing of it comes from elsewhere."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from ledger_pipelines.console.pages.rendering import page

router = APIRouter()
_METHODS = ("get", "post", "put", "delete")


@router.get("/docs")
def show_docs(request: Request) -> HTMLResponse:
    """The API's routes, with their parameters, bodies and answers."""
    document = request.app.openapi()
    routes = [
        {"method": method.upper(), "path": path, **_described(operations[method], document)}
        for path, operations in document["paths"].items()
        for method in _METHODS
        if method in operations
    ]
    schemas = document.get("components", {}).get("schemas", {})
    return page(request, "docs.html", None, routes=routes, schemas=schemas, names_of=_type_of)


def _described(operation: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {})
    answers = [
        (status, answer.get("description", ""), _schema_of(answer.get("content", {})))
        for status, answer in operation.get("responses", {}).items()
    ]
    return {
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": [
            (one["name"], one["in"], _type_of(one.get("schema", {})), one.get("description", ""))
            for one in operation.get("parameters", [])
        ],
        "body": _schema_of(body),
        "answers": answers,
    }


def _schema_of(content: dict[str, Any]) -> str:
    return next((_type_of(one.get("schema", {})) for one in content.values()), "")


def _type_of(schema: dict[str, Any]) -> str:
    """A schema in a few words: `Plan`, `list of Plan`, `integer or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"list of {_type_of(schema.get('items', {}))}"
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(map(_type_of, schema[choice])))
    return str(schema.get("format") or schema.get("type") or "anything")
