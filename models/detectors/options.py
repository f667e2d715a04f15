"""Options of detectors and features come from YAML and JSON: the unusable is refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from models.errors import InputError


def whole_number(name: str, value: Any, low: int, high: int) -> int:
    """An option that is one whole number from `low` to `high`."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"option {name}: a whole number {low} to {high} expected, found {value!r}")
    return value


def even(name: str, value: Any, low: int, high: int) -> int:
    """An option that is one even number from `low` to `high`."""
    if whole_number(name, value, low, high) % 2:
        raise InputError(f"option {name}: an even number expected, found {value}")
    return int(value)


def number(name: str, value: Any, low: float, high: float) -> float:
    """An option that is one number from `low` to `high`."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"option {name}: a number {low:g} to {high:g} expected, found {value!r}")
    return float(value)


def several(name: str, values: Any, fewest: int, most: int) -> Sequence[Any]:
    """An option that is a list of `fewest` to `most` entries."""
    if not isinstance(values, list | tuple) or not fewest <= len(values) <= most:
        expected = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        raise InputError(f"option {name}: a list of {expected} expected, found {values!r}")
    return values


def rising_numbers(name: str, values: Any, fewest: int, low: int, high: int) -> list[int]:
    """An option that is a list of at least `fewest` whole numbers `low` to `high`, each higher."""
    several(name, values, fewest, high - low + 1)
    for value in values:
        whole_number(name, value, low, high)
    if sorted(set(values)) != list(values):
        raise InputError(
            f"option {name}: different {name} in rising order expected, found {list(values)!r}"
        )
    return list(values)


def flag(name: str, value: Any) -> bool:
    """An option that is true or false."""
    if not isinstance(value, bool):
        raise InputError(f"option {name}: true or false expected, found {value!r}")
    return value


def choice(name: str, value: Any, known: Iterable[str]) -> str:
    """An option that is one of several words."""
    words = list(known)
    if not isinstance(value, str) or value not in words:
        raise InputError(f"option {name}: one of {', '.join(words)} expected, found {value!r}")
    return value
