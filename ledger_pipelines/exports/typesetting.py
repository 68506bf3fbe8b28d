"""Documents as PDF: a shipped template and data in, bytes out; the same data are the same bytes.

The files are tagged and keep to PDF/UA-1. Data are never markup: a template reads them as JSON.
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.exports.glyphs import FONTS, settable

if TYPE_CHECKING:
    import typst

#: What a template is given: texts, and lists and records of them; what is not a text is passed as it is.
Data = str | int | bool | None | Sequence["Data"] | Mapping[str, "Data"]

Template = Literal["statement", "party"]

_TEMPLATES = Path(__file__).with_name("templates")
#: One for each thread: a compiler works for one at a time.
_compilers = threading.local()


def typeset(template: Template, data: Data, day: date) -> bytes:
    """The template's PDF of the data, dated on a day, which is all that it says of when it was made.

    At most as many are set at once as the machine has cores. Raises LedgerError where the data cannot be set.
    """
    return _typesetters().submit(_typeset, template, data, day).result()


def typeset_each(jobs: Iterable[tuple[Template, Data, date]]) -> Iterator[bytes]:
    """The PDF of each of these, in their order; as many are set ahead as the machine has cores, and no more.

    Raises LedgerError as `typeset` does.
    """
    pool, ahead = _typesetters(), deque[Future[bytes]]()
    for job in jobs:
        ahead.append(pool.submit(_typeset, *job))
        if len(ahead) > (os.cpu_count() or 2):
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


def _typeset(template: str, data: Data, day: date) -> bytes:
    import typst

    try:
        return _compile(template, data, day, plainly=False)
    except typst.TypstError:
        # Marks that no font has together with what they stand on.
        try:
            return _compile(template, data, day, plainly=True)
        except typst.TypstError as error:
            raise LedgerError(f"The document cannot be set as PDF: {error.message}.") from None


def _compile(template: str, data: Data, day: date, *, plainly: bool) -> bytes:
    inputs = {"data": json.dumps(_settable(data, plainly), ensure_ascii=False)}
    made = _compiler(template).compile(
        sys_inputs=inputs,
        format="pdf",
        pdf_standards=["ua-1"],
        timestamp=datetime.combine(day, time(), UTC),
    )
    return cast("bytes", made)


def _settable(data: Data, plainly: bool) -> Data:
    if isinstance(data, str):
        return settable(data, plainly=plainly)
    if isinstance(data, Mapping):
        return {name: _settable(value, plainly) for name, value in data.items()}
    if isinstance(data, Sequence):
        return [_settable(value, plainly) for value in data]
    return data


def _compiler(template: str) -> typst.Compiler:
    """This thread's compiler of the template."""
    import typst

    known: dict[str, typst.Compiler] = _compilers.__dict__.setdefault("by_template", {})
    if template not in known:
        known[template] = typst.Compiler(
            _TEMPLATES / f"{template}.typ", root=_TEMPLATES, font_paths=_fonts(), ignore_system_fonts=True
        )
    return known[template]


@cache
def _typesetters() -> ThreadPoolExecutor:
    """The threads that set documents: few, for each keeps a compiler."""
    return ThreadPoolExecutor(os.cpu_count() or 2, thread_name_prefix="typeset")


@cache
def _fonts() -> typst.Fonts:
    import typst

    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS])
