"""Text from outside, made safe to print: one line, and nothing that a terminal or a reader obeys.

Comments, ids, file names and error messages come from clients and files. Printed as they are, a
line break would forge a log line, an escape sequence would command the terminal, and a
bidirectional override would show another text than is there.
"""

from __future__ import annotations

import logging
import traceback
import unicodedata
from typing import Any

_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # controls, formats, surrogates, line ends
_JOINERS = "\u200c\u200d"  # parts of words in Persian and Hindi, and of emoji
_PACKAGES = frozenset({"antiphon", "flows", "infra", "models", "monitoring", "serving"})


def printable(text: object) -> str:
    """The text on one line, with everything in it that is obeyed instead of shown escaped."""
    line = str(text)
    return line if line.isprintable() else "".join(map(_shown, line))


def _shown(letter: str) -> str:
    if letter in _JOINERS or unicodedata.category(letter) not in _OBEYED:
        return letter
    return letter.encode("unicode_escape").decode("ascii")


class OneLineRecord(logging.LogRecord):
    """A log record of antiphon whose message is printable, and whose traceback is indented."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self._is_ours and self.exc_info and self.exc_info[1] is not None:
            lines = "".join(traceback.format_exception(self.exc_info[1])).splitlines()
            self.exc_text = "\n".join(f"  {printable(line)}" for line in lines)

    @property
    def _is_ours(self) -> bool:
        return self.name.partition(".")[0] in _PACKAGES

    def getMessage(self) -> str:  # noqa: N802  the name that logging calls
        """The message with its arguments."""
        message = super().getMessage()
        return printable(message) if self._is_ours else message


def log_one_line_a_record() -> None:
    """Whatever is logged by antiphon in this process cannot look like another record."""
    logging.setLogRecordFactory(OneLineRecord)
