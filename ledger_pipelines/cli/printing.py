"""A console on which no record can do more than be read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment

from ledger_pipelines.printable import printable


class PrintableConsole(Console):
    """A console that shows a sign in place of control characters in what it prints; its own colours stay.

    Names of companies and tickets come from outside, and a terminal does what some characters say.
    """

    def render(self, *args: Any, **more: Any) -> Iterable[Segment]:
        for segment in super().render(*args, **more):
            yield segment if segment.control else segment._replace(text=printable(segment.text))
