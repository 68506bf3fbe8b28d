"""What a terminal is spared."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from ledger_pipelines.printable import one_line, printable


def test_what_would_move_the_cursor_is_seen_instead() -> None:
    assert printable("Acme\x1b[2J\x1b]0;root\x07 \u202egpj.exe") == "Acme�[2J�]0;root� �gpj.exe"
    assert printable("two\nlines\tof text, Zoë 🦊") == "two\nlines\tof text, Zoë 🦊"


def test_a_line_is_a_line() -> None:
    assert one_line("two\r\nlines\tof\rtext") == "two lines of text"


@given(st.text())
def test_nothing_is_left_that_controls(text: str) -> None:
    assert all(unicodedata.category(sign) not in {"Cc", "Zl", "Zp"} for sign in one_line(text))
    assert len(printable(text)) == len(text)
