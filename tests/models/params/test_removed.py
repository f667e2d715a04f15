"""Params files of earlier days, with keys that there are no more."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest

from models.errors import InputError
from models.params.removed import INSTEAD, REMOVED
from models.params.tree import Params, params_from_mapping


def saying(key: str, value: Any) -> dict[str, Any]:
    """The document in which a dotted key has a value."""
    return reduce(lambda below, name: {name: below}, reversed(key.split(".")), value)


@pytest.mark.parametrize("key", REMOVED)
def test_a_removed_key_is_read_where_it_has_its_default_and_refused_elsewhere(key: str) -> None:
    assert params_from_mapping(saying(key, REMOVED[key])) == Params()
    instead = INSTEAD.get(key, f"removed, and fixed at {REMOVED[key]:g}")
    sentence = f"{key}: {instead}; found {REMOVED[key] + 1}"
    with pytest.raises(InputError, match=f"^old.yaml: {sentence}$"):
        params_from_mapping(saying(key, REMOVED[key] + 1), "old.yaml")


def test_what_was_said_otherwise_is_read_as_before() -> None:
    effects = {"gsm": True, "opus": False}
    old = params_from_mapping({
        "data_checks": {"findings": {"snr": "stop", "contradiction": "report", "rate": "report"}},
        "label_noise": {"options": {"components": 64, "highest_hz": 8000.0}},
        "copy_synthesis": {"griffin_lim": 0.0, "world": 0.0},
        "evaluation_sets": {"bonafide_hard": {"effects": effects}},
    })  # fmt: skip
    assert [old.data_checks.does(kind) for kind in ("snr", "contradiction", "rate", "offset")] == [
        "stop", "report", "report", "report",
    ]  # fmt: skip
    assert old.evaluation_sets.bonafide_hard.effects == effects
    assert old.evaluation_sets.bonafide_hard.chosen == ("gsm",)


def test_channels_are_a_list_or_switches() -> None:
    def chosen(effects: object) -> tuple[str, ...]:
        section = {"evaluation_sets": {"bonafide_hard": {"effects": effects}}}
        return params_from_mapping(section).evaluation_sets.bonafide_hard.chosen

    assert chosen(["opus", "gsm"]) == chosen({"gsm": True, "opus": True}) == ("gsm", "opus")
    for wrong in (["gms"], {"gms": True}):
        with pytest.raises(InputError, match=r"effects: no effect named 'gms'; known: telephone"):
            chosen(wrong)
