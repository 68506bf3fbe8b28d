"""The processes of `ledger up`: each is started, watched, and started again when it ends by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.local import processes
from ledger_pipelines.local.processes import Child

#: A process that ends that often within this many seconds will not come up at all.
_MOST_STARTS, _WITHIN_SECONDS = 5, 300.0


@dataclass(slots=True)
class Service:
    """One process: its name, the module with its arguments, and what has to be done before each start."""

    name: str
    module: Sequence[str]
    prepare: Callable[[], object] = lambda: None
    child: Child | None = None
    restarts: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Supervision:
    """All processes of one `ledger up`, in the order in which they are started."""

    home: Path
    console: Console
    services: list[Service] = field(default_factory=list)

    def start(self, service: Service) -> None:
        """Starts a process and looks after it from then on."""
        service.prepare()
        service.child = processes.start(service.name, service.module, home=self.home)
        if service not in self.services:
            self.services.append(service)

    def look(self) -> None:
        """Starts again what has ended by itself. Raises LedgerError for one that does not stay up."""
        for service in self.services:
            child = service.child
            if child is None or child.process.poll() is None:
                continue
            now = time.monotonic()
            service.restarts = [at for at in service.restarts if now - at < _WITHIN_SECONDS] + [now]
            code = child.process.returncode
            if len(service.restarts) >= _MOST_STARTS:
                raise LedgerError(
                    f"{service.name} ended by itself again and again (exit {code}); its log {child.log} ends with:\n"
                    f"{processes.last_lines(child)}"
                )
            # What it started and left behind would be in the way of its successor.
            processes.stop([child])
            self.console.print(
                f"{service.name} ended by itself (exit {code}) and is started again; see {child.log}.",
                style="yellow",
                highlight=False,
                soft_wrap=True,
            )
            self.start(service)
        processes.rotate(self._children)

    def stop(self) -> None:
        """Ends all of them."""
        processes.stop(self._children)

    @property
    def _children(self) -> list[Child]:
        return [service.child for service in self.services if service.child is not None]
