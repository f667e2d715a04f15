"""How figures and names are printed on the page and on the card."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from models.printable import printable
from models.promotion import Check, Finding

NOTHING = "–"
RATES = ("attack", "sentinel", "bonafide", "adversarial", "operating-point")  # kinds of check
KINDS = {
    "attack": "attack",
    "sentinel": "sentinel set",
    "bonafide": "bona fide speech",
    "adversarial": "under attack",
    "calibration": "calibration",
    "operating-point": "operating point",
    "cost": "cost",
    "golden": "golden vectors",
}
FINDINGS = {
    Finding.FAILS: "fails",
    Finding.UNDECIDED: "undecided",
    Finding.ABSENT: "absent",
    Finding.HOLDS: "holds",
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&$:=^\"'])")


def percent(rate: float | None, digits: int = 2) -> str:
    """A rate of 0–1 in percent, without its sign."""
    return NOTHING if rate is None else f"{100 * rate:.{digits}f}"


def points(difference: float | None) -> str:
    """A difference of rates in points, always signed, with a true minus."""
    return NOTHING if difference is None else f"{100 * difference:+.2f}".replace("-", "−")


def number(value: float | None) -> str:
    """Four significant digits, thousands apart."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}".replace("-", "−")


def of_check(check: Check, name: str) -> str:
    """One figure of a check in the unit of its kind."""
    value: float | None = getattr(check, name)
    if check.kind not in RATES:
        return number(value)
    signed = name in ("difference", "bound", "margin")
    return points(value) if signed else percent(value)


def shown(value: Any) -> Any:
    """A plain string without what a reader obeys instead of sees; anything else as it is."""
    return printable(value) if type(value) is str else value


def size(count: float | None) -> str:
    """Bytes as MB."""
    return NOTHING if count is None else f"{count / 1e6:.2f} MB"


def short(digest: str | None) -> str:
    """The first 16 digits of a hash: enough to compare by eye."""
    return digest[:16] if digest else NOTHING


def moment(text: str) -> str:
    """A moment in ISO 8601 as people write it, to the minute; what is none stays as it is."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return text


def told(value: Any) -> str:
    """A value of an options or params section on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {told(item)}" for name, item in value.items()) or NOTHING
    if isinstance(value, list | tuple):
        return ", ".join(told(item) for item in value) or NOTHING
    return NOTHING if value is None else str(value)


def markdown(value: Any) -> str:
    """Any text as one line of Markdown that means nothing but itself."""
    return _MARKDOWN.sub(r"\\\1", " ".join(str(value).split()))


def place(value: float, scale: float) -> float:
    """Where a difference stands on a bar from −100 to 100."""
    return round(max(-100.0, min(100.0, 100 * value / scale)), 2) if scale else 0.0
