"""Text from outside reaches a terminal or a log on one line and is obeyed by nothing."""

from __future__ import annotations

import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.printable import printable

HOSTILE = (
    "[/b] odd",
    "[red]urgent[/red] [link=http://x.invalid]here[/link] :smiley:",
    "two\nlines\r\nor more\x85 \u2028 \u2029",
    "\x1b[2J\x1b]0;owned\x07\x9b31m red",
    "\u202egnp.exe\u2066 \u200f",
    "NUL \x00 bell \x07 backspace \x08",
    "surrogate \udc80 from a file name",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_one_line_that_nothing_obeys(text: str) -> None:
    line = printable(text)
    assert len(line.splitlines()) == 1
    assert {unicodedata.category(letter) for letter in line}.isdisjoint({"Cc", "Cf", "Cs", "Zl"})
    line.encode()


@given(st.text())
def test_any_text_becomes_one_line_that_can_be_written(text: str) -> None:
    line = printable(text)
    assert "\x1b" not in line
    assert len(line.splitlines()) <= 1
    line.encode()
    assert printable(line) == line


@pytest.mark.parametrize(
    "text", ["grüße", "文字 – “quoted”", "می\u200cخواهم", "👩\u200d🔬", "C:\\n"]
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_a_log_record_of_ours_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    import flows  # noqa: F401  sets how records are made

    for text in HOSTILE:
        logging.getLogger("antiphon.test").warning("a comment: %s", text)
        logging.getLogger("serving.test").warning(f"{text}")
    assert len(caplog.records) == 2 * len(HOSTILE)
    for record in caplog.records:
        assert len(record.getMessage().splitlines()) == 1
        assert "\x1b" not in record.getMessage()


def test_a_traceback_cannot_look_like_a_record(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("bad\nERROR antiphon: the champion was deleted\x1b[2J")
    except ValueError:
        logging.getLogger("antiphon.test").exception("failed")
    text = logging.Formatter("%(message)s").format(caplog.records[-1])
    first, *others = text.splitlines()
    assert first == "failed"
    assert all(line.startswith("  ") for line in others)
    assert "\x1b" not in text


def test_records_of_others_are_left_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("somebody.else").warning("two\nlines")
    assert caplog.records[-1].getMessage() == "two\nlines"
