from __future__ import annotations

from typing import Any

import pytest

from models.errors import InputError
from models.params.tree import params_from_mapping


def test_lists_are_read_as_they_stand() -> None:
    robustness = params_from_mapping(
        {"robustness": {"attacks": ["apgd", "universal"], "snrs_db": [30, 50.5]}}
    ).robustness
    assert robustness.attacks == ("apgd", "universal")
    assert robustness.snrs_db == (30.0, 50.5)


@pytest.mark.parametrize(
    ("section", "key", "value", "words"),
    [
        ("robustness", "attacks", ["fgsm", "cw"], r"attacks\[1\]: one of fgsm, .*found 'cw'"),
        ("robustness", "attacks", "fgsm", "attacks: a list expected, found 'fgsm'"),
        ("robustness", "attacks", ["fgsm", "fgsm"], "attacks: each once expected"),
        ("robustness", "snrs_db", [30, 200], "snrs_db: 0 to 120 expected, found 200"),
        ("robustness", "snrs_db", [True], r"snrs_db\[0\]: float expected, found True"),
        ("robustness", "steps", 0, "steps: 1 to"),
        ("robustness", "guard_trials", -1, "guard_trials: 0 to"),
        ("robustness", "champion", "yes", "champion: bool expected"),
        ("adversarial", "attack", "deepfool", "attack: one of fgsm, .*found 'deepfool'"),
        ("adversarial", "trades_beta", -1, "trades_beta: 0 to 1000 expected"),
    ],
)
def test_a_bad_value_is_refused_by_name(section: str, key: str, value: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        params_from_mapping({section: {key: value}})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 1}, "adversarial.steps: 2 or more expected with attack free"),
        ({"trades_beta": 6.0}, "adversarial.trades_beta: 0 expected with attack free"),
    ],
)
def test_what_free_training_cannot_do_is_refused_by_name(
    changes: dict[str, Any], words: str
) -> None:
    assert params_from_mapping({"adversarial": {"attack": "free"}}).adversarial.steps == 3
    with pytest.raises(InputError, match=words):
        params_from_mapping({"adversarial": {"attack": "free", **changes}})
