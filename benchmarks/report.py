"""What a benchmark says: sections of measures with what was promised of them, as tables and as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import psutil
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Measure:
    """One number: `value` in `unit`; `limit` is what was promised, at most, or with `is_least` at least."""

    name: str
    value: float
    unit: str = "s"
    limit: float | None = None
    is_least: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether the promise was kept, where there is one."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.is_least else self.value <= self.limit

    @property
    def promise(self) -> str:
        """`at most 3.00`, or nothing."""
        return (
            "" if self.limit is None else f"at {'least' if self.is_least else 'most'} {_number(self.limit)}"
        )


@dataclass(frozen=True, slots=True)
class Section:
    """The measures of one benchmark."""

    title: str
    measures: list[Measure] = field(default_factory=list)

    def table(self) -> Table:
        """For a terminal; a promise that was not kept is red."""
        table = Table(title=self.title, title_justify="left")
        for name in ("What", "Measured", "Unit", "Promised"):
            table.add_column(name, justify="right" if name == "Measured" else "left")
        for one in self.measures:
            number = _number(one.value)
            table.add_row(one.name, number if one.is_kept else f"[red]{number}[/]", one.unit, one.promise)
        return table


def write_json(path: Path, sections: Sequence[Section], *, taken_at: datetime) -> None:
    """Keeps the sections with when and on what they were measured."""
    content = {
        "taken_at": taken_at.isoformat(timespec="seconds"),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "python": platform.python_version(),
        "sections": [
            {
                "title": section.title,
                "measures": [asdict(one) | {"is_kept": one.is_kept} for one in section.measures],
            }
            for section in sections
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.3f}" if value < 1 else f"{value:,.2f}"
