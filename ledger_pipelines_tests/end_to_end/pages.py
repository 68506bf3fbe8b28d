"""Pages of the documentation as their readers follow them: the commands, in their order, with what the page shows."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.end_to_end.harness import Done, Ledger, eventually, free_ports

ROOT = Path(__file__).parents[2]
_COMMANDS = re.compile(
    r"^ {4}(?:\S*/)?ledger (?=[a-z])(.*?)(?: +#.*)?$|`(?:\.venv/bin/)?ledger (?=[a-z])([^`\n]+)`",
    re.MULTILINE,
)
#: What a guide writes in place of a value that the reader has.
_PLACEHOLDERS = {"ID", "NUMBER", "N", "PAYMENT", "STEP", "FILE", "YYYY-MM"}
#: What a page writes where it leaves out a line, or the rest of one.
_LEFT_OUT = "…"


@dataclass(frozen=True, slots=True)
class Step:
    """A command or a block of Python, and the lines that the page shows of its output."""

    language: str
    text: str
    shown: list[str] = field(default_factory=list)


def steps_of(page: str) -> Iterator[Step]:
    """The commands and blocks of a page, in its order."""
    text = (ROOT / "docs" / page).read_text()
    blocks = re.findall(r"^```(console|python|text)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for place, (language, block) in enumerate(blocks):
        if language == "console":
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, *shown = part.rstrip("\n").split("\n")
                yield Step(language, command, shown)
        elif language == "python":
            following = blocks[place + 1 : place + 2]
            shown = following[0][1].splitlines() if following and following[0][0] == "text" else []
            yield Step(language, block, shown)


def commands_of(page: str) -> list[str]:
    """The whole commands that a guide's blocks and sentences name, each once, in its order."""
    found = (block or span for block, span in _COMMANDS.findall((ROOT / "docs" / page).read_text()))
    return [
        command
        for command in dict.fromkeys(found)
        if not _PLACEHOLDERS & set(command.split()) and command.count(_LEFT_OUT) == 0
    ]


def missing_from(output: str, shown: list[str]) -> str | None:
    """The first of these lines that the output does not have, in their order; spaces at a line's end do not count."""
    lines = iter([line.rstrip() for line in output.splitlines()])
    for line in shown:
        start, ellipsis, _ = line.rstrip().partition(_LEFT_OUT)
        if not start:
            continue
        if not any(one.startswith(start) if ellipsis else one == start for one in lines):
            return line
    return None


class Reader:
    """Somebody who follows pages in one folder: with a terminal for what goes on running, and a notebook."""

    def __init__(self, ledger: Ledger, stack: contextlib.ExitStack) -> None:
        self._ledger = ledger
        self._stack = stack
        self._notebook: dict[str, Any] = {}
        self._port = str(free_ports(1)[0])
        self._server: EmbeddedServer | None = None
        stack.callback(self._close_notebook)

    def follow(self, page: str) -> int:
        """Does what the page says, and fails where it shows something else than is seen; how many steps it has."""
        count = 0
        for step in steps_of(page):
            output = self._done(step.text) if step.language == "console" else self._executed(step.text)
            missing = missing_from(output, step.shown)
            assert missing is None, f"{page}, after {step.text!r}, shows {missing!r}, and it said:\n{output}"
            count += 1
        return count

    def ran(self, command: str) -> Done:
        """How a command of `ledger` ended, in the reader's home."""
        return self._ledger(*shlex.split(command))

    def _done(self, command: str) -> str:
        words = shlex.split(command)
        if words[0] == "export":
            for word in words[1:]:
                name, _, value = word.partition("=")
                self._ledger.variables[name] = value.replace("$PWD", str(self._ledger.home))
            return ""
        assert words[0] == "ledger", command
        if words[-2:] == ["tee", ".env"]:
            return self._served(words[1:-3])
        done = self._ledger(*words[1:])
        assert "Traceback" not in done.err, done.err
        self._hold_server()
        refused = done.err.startswith("Error: ")
        assert done.code == int(refused), (command, done.out[-2000:], done.err)
        return (done.out + done.err).replace(self._port, "6123")

    def _served(self, words: list[str]) -> str:
        """What goes on running in the second terminal, and prints the variables for `.env`."""
        words[words.index("6123")] = self._port
        running = self._stack.enter_context(self._ledger.started(*words))
        eventually(lambda: running.says("NOTION_DATABASE_ID="), seconds=60, what="the sandbox's variables")
        (self._ledger.home / ".env").write_text(running.out)
        return running.out.replace(self._port, "6123")

    def _hold_server(self) -> None:
        """Keeps the private PostgreSQL running, once a command has made it: to start it each time takes longer."""
        home = Path(self._ledger.variables.get("LEDGER_HOME", self._ledger.home))
        if self._server is None and (home / "postgres").exists():
            self._server = EmbeddedServer(home)
            self._stack.callback(self._server.release)

    def _close_notebook(self) -> None:
        if "ledger" in self._notebook:
            self._notebook["ledger"].close()

    def _executed(self, block: str) -> str:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(block, "notebook", "exec"), self._notebook)
        return output.getvalue()
