"""What the sections of params.yaml are made of: closed types, and names taken from a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, StrictFloat, StrictInt
from pydantic_core import CoreSchema, core_schema

CLOSED = ConfigDict(extra="forbid")
MOST_SEED = 2**31 - 1  # that every generator takes, ours and those of libraries

Key = Annotated[str, BeforeValidator(str)]  # YAML reads a bare 2019 as a number
Seed = Annotated[StrictInt, Field(ge=0, le=MOST_SEED)]
Share = Annotated[StrictFloat, Field(ge=0.0, le=1.0)]
Rate = Annotated[StrictFloat, Field(ge=0.0, le=1.0)]  # a learning rate
Count = Annotated[StrictInt, Field(ge=0, le=1_000_000)]
Decibels = Annotated[StrictFloat, Field(ge=0.0, le=120.0)]  # of a clip over what disturbs it


class OneOf:
    """`Annotated[str, OneOf(names)]`: a string that is one of the names, for instance of a table.

    As the key of a mapping, `Field(description=…)` beside it says what kind of name it is.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        """What pydantic checks and, as `enum`, writes into the JSON schema."""
        return core_schema.literal_schema(self.names)


class ContradictionError(ValueError):
    """What a validator raises: a key of the section, or none for the whole of it, and why."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}" if key else reason)
        self.key, self.reason = key, reason


def each_once(key: str, values: tuple[Any, ...], noun: str = "") -> None:
    """Raise ContradictionError where a list names something twice."""
    if len(set(values)) < len(values):
        what = " ".join(filter(None, ("each", noun, "once")))
        raise ContradictionError(key, f"{what} expected, found {values}")
