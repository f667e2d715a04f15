"""Templates: every value is escaped, and shows what it holds, whoever wrote it."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.printable import printable

if TYPE_CHECKING:
    from jinja2 import Environment

STATIC = Path(__file__).with_name("static")
_TEMPLATES = Path(__file__).with_name("templates")
NOTHING = "–"
_LONG_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{32,64}\b")
_UNITS = ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def render(template: str, **values: Any) -> str:
    """The text of a template, by its name without `.html.jinja`."""
    return _environment().get_template(f"{template}.html.jinja").render(values)


def percent(rate: float | None, digits: int = 2) -> str:
    """A rate of 0–1 in percent, with its sign."""
    return NOTHING if rate is None else f"{100 * rate:.{digits}f} %"


def points(difference: float | None) -> str:
    """A difference of rates in points, always signed, with a true minus."""
    return NOTHING if difference is None else f"{100 * difference:+.2f}".replace("-", "−")


def figure(value: float | None, digits: int = 4) -> str:
    """A number with a few significant digits."""
    return NOTHING if value is None else f"{value:.{digits}g}".replace("-", "−")


def brief(text: object) -> str:
    """A text with ids and hashes cut to what tells them apart by eye."""
    return _LONG_ID.sub(lambda match: match[0][:8], str(text))


def heat(rate: float | None) -> str:
    """The class of a table's cell by its rate of 0–1: a higher one is warmer."""
    return "" if rate is None else f"heat-{min(int(rate * 10), 5)}"


def moment(time: datetime | None) -> str:
    """To the minute, in UTC."""
    return NOTHING if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def lasting(seconds: float | None) -> str:
    """A length of time in its largest unit: `3 hours`."""
    if seconds is None:
        return NOTHING
    size, unit = next(((s, u) for s, u in _UNITS if seconds >= s), _UNITS[-1])
    count = int(seconds // size)
    return f"{count} {unit}{'' if count == 1 else 's'}"


def since(time: datetime | None) -> str:
    """How long ago that was."""
    if time is None:
        return NOTHING
    return f"{lasting(max((datetime.now(UTC) - time).total_seconds(), 0))} ago"


def as_json(value: Any) -> str:
    """For a data attribute or a JSON script of a page; the template escapes it."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


@cache
def asset(name: str) -> str:
    """The address of a file in static/, which changes with its bytes."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?{digest}"


def _shown(value: Any) -> Any:
    return printable(value) if type(value) is str else value


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "points": points,
        "figure": figure,
        "brief": brief,
        "heat": heat,
        "moment": moment,
        "lasting": lasting,
        "since": since,
        "as_json": as_json,
    }
    environment.globals |= {"asset": asset, "NOTHING": NOTHING}
    return environment
