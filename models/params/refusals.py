"""Why params were refused, in one sentence that names the file, the key and what was expected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from models.errors import InputError
from models.params.section import ContradictionError

Schema = dict[str, Any]  # of JSON schema
Section = TypeVar("Section")

_UNKNOWN = "unexpected_keyword_argument"
_BOUNDS = ("greater_than_equal", "less_than_equal")
_EXPECTED = {
    "int_type": "int",
    "float_type": "float",
    "string_type": "str",
    "bool_type": "bool",
    "dataclass_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
}


def validated(section: type[Section], values: object, origin: str) -> Section:
    """A section, or the whole, of nested mappings; raises InputError naming the key that is wrong.

    `origin` says where the values were read.
    """
    try:
        return TypeAdapter(section).validate_python(values)
    except ValidationError as error:
        raise InputError(_refusal(error, json_schema(section), origin)) from None


def json_schema(section: type[Any]) -> Schema:
    """What a section may say, for editors and for refusals."""
    return TypeAdapter(section).json_schema()


def _refusal(error: ValidationError, schema: Schema, origin: str) -> str:
    """The sentence about the first thing that is wrong; `origin` is the file.

    Names and bounds are those of the JSON schema, so that editors and refusals say the same.
    """
    details = error.errors(include_url=False)
    first = next((detail for detail in details if detail["type"] == _UNKNOWN), details[0])
    wrong_key = first["loc"][-1:] == ("[key]",)
    steps = list(_steps(schema, first["loc"][:-2] if wrong_key else first["loc"]))
    path = [part for part, _ in steps[1:]]
    dotted, here = ": ".join(filter(None, (origin, _dotted(path)))), steps[-1][1]
    if isinstance(contradiction := first.get("ctx", {}).get("error"), ContradictionError):
        key = _dotted([*path, *filter(None, [contradiction.key])])
        return ": ".join(filter(None, (origin, key, contradiction.reason)))
    if wrong_key:
        names = _choices(here, "propertyNames")
        known = ", ".join(names["enum"])
        return f"{dotted}: no {names['description']} named '{first['input']}'; known: {known}"
    if first["type"] in _BOUNDS:
        return f"{dotted}: {_range(here)} expected, found {first['input']!r}"
    place = ": ".join((origin, *_keys(path)))
    if first["type"] == _UNKNOWN:
        known = ", ".join(here["properties"])
        return f"{place}: no parameter named '{first['loc'][-1]}'; known: {known}"
    return f"{place}: {_expected(first, here)} expected, found {first['input']!r}"


def _steps(schema: Schema, loc: Sequence[int | str]) -> Iterator[tuple[int | str, Schema]]:
    """The keys on the way and the schema at each, from the root; other marks of pydantic's not."""
    here = schema
    yield "", here
    for part in loc:
        items = _choices(here, "items") if isinstance(part, int) else None
        below = items or _property(here, str(part))
        if isinstance(below, dict):
            here = _resolved(below, schema)
            yield part, here


def _choices(schema: Schema, keyword: str) -> Any:
    """What a schema, or the first of its alternatives that does, says under a keyword."""
    alternatives = [schema, *schema.get("anyOf", [])]
    return next((option[keyword] for option in alternatives if keyword in option), None)


def _property(schema: Schema, key: str) -> Any:
    properties = schema.get("properties", {})
    return properties.get(key, _choices(schema, "additionalProperties"))


def _resolved(schema: Schema, root: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    definition: Schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return definition


def _dotted(path: Sequence[int | str]) -> str:
    return ".".join(part for part in path if isinstance(part, str))


def _keys(path: Sequence[int | str]) -> list[str]:
    """Names, each with the places in its list."""
    keys: list[str] = []
    for part in path:
        if isinstance(part, int):
            keys[-1] += f"[{part}]"
        else:
            keys.append(part)
    return keys


def _range(schema: Schema) -> str:
    return f"{_choices(schema, 'minimum'):.10g} to {_choices(schema, 'maximum'):.10g}"


def _expected(detail: ErrorDetails, schema: Schema) -> str:
    if detail["type"] == "literal_error":
        return f"one of {', '.join(schema['enum'])}"
    words = [choice["const"] for choice in schema.get("anyOf", []) if "const" in choice]
    expected = _EXPECTED.get(detail["type"], detail["msg"])
    return " or ".join((*words, expected)) if isinstance(detail["input"], str) else expected
