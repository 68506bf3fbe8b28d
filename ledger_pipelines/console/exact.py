"""JSON with exact numbers, both ways: Python's and pydantic's own make floats or strings of decimals.

Routes use `ExactRoute` (by their router), and answer with `answer`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Annotated, Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, WithJsonSchema
from starlette.responses import JSONResponse

from ledger_pipelines.console.problems import Refused

#: How deep a body may be: beyond it Python's own parser gives up in ways that are no sentence.
_DEEPEST = 64
#: How many digits a number may have.
_LONGEST_NUMBER = 40
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class ExactJSONResponse(JSONResponse):
    """JSON in which a Decimal is a number, with just the digits that it has."""

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, default=_written, option=orjson.OPT_PASSTHROUGH_SUBCLASS)


def answer(
    content: BaseModel | Mapping[str, Any] | list[Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> ExactJSONResponse:
    """A response with this model, or these, as its body; the numbers in it are exact."""
    return ExactJSONResponse(content, status, headers=None if headers is None else dict(headers))


class ExactRequest(Request):
    """A request whose JSON is read with exact numbers."""

    async def json(self) -> Any:
        """The body. Raises json.JSONDecodeError, which is answered as 422, for what is no JSON that we keep."""
        return decoded(await self.body())


class ExactRoute(APIRoute):
    """A route that reads numbers exactly, and refuses text that no table can hold before anything looks at it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def exact(request: Request) -> Response:
            for name, value in (*request.path_params.items(), *request.query_params.multi_items()):
                if not is_storable(name) or (isinstance(value, str) and not is_storable(value)):
                    raise Refused(
                        422, f"{name!r} of the address has signs that no record has: leave them out."
                    )
            exact_request = ExactRequest(request.scope, request.receive)
            if request.headers.get("content-type", "").startswith(_FORMS):
                # It is kept with the request, which is read again further in.
                form = request.state.form = await exact_request.form(max_files=0)
                for name, sent in form.multi_items():
                    if not is_storable(name) or (isinstance(sent, str) and not is_storable(sent)):
                        raise Refused(422, "The form has signs that no record has: write them anew.")
            return await handle(exact_request)

        return exact


def decoded(body: bytes) -> Any:
    """JSON with numbers as ints and Decimals.

    Raises json.JSONDecodeError also for NaN and infinities, numbers and nesting without end, NUL, and half a surrogate.
    """
    text = body.decode("utf-8", "replace")
    try:
        content = json.loads(body, parse_float=_decimal, parse_int=_integer, parse_constant=_no_number)
        _refuse_unstorable(content)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError, ArithmeticError) as error:
        reason = str(error) if isinstance(error, _UnusableError) else "it cannot be read"
        raise json.JSONDecodeError(reason, text, 0) from None
    return content


def is_storable(text: str) -> bool:
    """Whether the database can hold the text: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


class _UnusableError(ValueError):
    """Why a body is refused, in our words."""


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if abs(number.adjusted()) > _LONGEST_NUMBER or len(text) > 2 * _LONGEST_NUMBER:
        raise _UnusableError("a number in it is too long")
    return number


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise _UnusableError("a number in it is too long")
    return int(text)


def _no_number(text: str) -> Any:
    raise _UnusableError(f"{text} is no number")


def _refuse_unstorable(content: Any, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise _UnusableError("it is nested too deeply")
    if isinstance(content, str) and not is_storable(content):
        raise _UnusableError("a text in it has signs that no record has")
    if isinstance(content, dict):
        for name, value in content.items():
            _refuse_unstorable(name, depth + 1)
            _refuse_unstorable(value, depth + 1)
    elif isinstance(content, list):
        for value in content:
            _refuse_unstorable(value, depth + 1)


def _written(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}".encode())
    if isinstance(value, BaseModel):
        # Not as JSON: there pydantic makes texts of decimals.
        return value.model_dump(by_alias=True)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


#: A number that is a JSON number, exactly, on the wire.
Number = Annotated[Decimal, WithJsonSchema({"type": "number"})]
#: An amount as a text with two decimals, three where the currency has them: on routes of our own.
Money = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{2,4}$"})]


def money(amount: Decimal) -> str:
    """An amount as `Money` has it: nothing is rounded away."""
    exponent = amount.normalize().as_tuple().exponent
    return f"{amount:.{max(2, -exponent if isinstance(exponent, int) else 0)}f}"
