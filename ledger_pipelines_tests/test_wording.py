"""Words of sentences that count something."""

import ast
import re
from pathlib import Path

import pytest

import ledger_pipelines
from ledger_pipelines.wording import counted

#: The rooms that only those who give commands hear of.
_OF_COMMANDS = {"cli", "local", "sandbox"}


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 invoices"), (1, "1 invoice"), (2, "2 invoices"), (12345, "12,345 invoices")]
)
def test_one_is_told_alone(count: int, told: str) -> None:
    assert counted(count, "invoice") == told


def test_a_plural_of_its_own() -> None:
    assert [counted(count, "company", "companies") for count in (1, 2)] == ["1 company", "2 companies"]


def test_outside_the_command_line_a_flag_is_named_within_a_whole_command_only() -> None:
    """Whoever reads a sentence at a page or of the API has no flags."""
    package = Path(ledger_pipelines.__file__).parent
    found = []
    for path in package.rglob("*.py"):
        if path.relative_to(package).parts[0] in _OF_COMMANDS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise):
                texts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
                said = re.sub("`[^`]*`", "", "".join(text for text in texts if isinstance(text, str)))
                found += [(path.name, flag) for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*", said)]
    assert found == []
