"""`antiphon params`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.params.tree import params_from_mapping, read_params

ROOT = Path(__file__).resolve().parents[3]
CHANGES: dict[str, Any] = {
    "training": {"epochs": 3, "objective": {"mixup": 0.2}},
    "evaluation_sets": {"sentinel": ["archive"]},
    "label_noise": {"options": {"components": 8}},
    "promotion": {"max_latency_ratio": None},
    "drift": {"false_alarm_rate": 0.1},
}


def antiphon(*arguments: str, **environment: str) -> str:
    """What the command prints."""
    command = [str(Path(sys.executable).with_name("antiphon")), "params", *arguments]
    done = subprocess.run(
        command, env={"PATH": "", **environment}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def chosen(tmp_path: Path) -> Path:
    """A file that says what changes and what is as by default."""
    path = tmp_path / "chosen.yaml"
    path.write_text(yaml.safe_dump({**CHANGES, "retraining": {"min_new_labels": 20}}))
    return path


def test_what_differs_from_the_defaults_is_shown_and_can_be_read_again(chosen: Path) -> None:
    shown = antiphon("show", ANTIPHON_PARAMS_FILE=str(chosen))
    assert yaml.safe_load(shown) == CHANGES
    assert params_from_mapping(yaml.safe_load(shown)) == read_params(chosen)
    assert antiphon("show", "--params", str(chosen)) == shown


def test_everything_can_be_shown_and_read_again(chosen: Path) -> None:
    document = yaml.safe_load(antiphon("show", "--all", "--params", str(chosen)))
    assert list(document) == list(params_from_mapping({}).__dataclass_fields__)
    assert params_from_mapping(document) == read_params(chosen)


def test_where_a_file_says_nothing_nothing_differs(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").touch()
    assert yaml.safe_load(antiphon("show", "--params", str(tmp_path / "empty.yaml"))) == {}


def test_the_schema_tells_an_editor_names_bounds_defaults_and_reasons() -> None:
    schema = json.loads(antiphon("schema"))
    training = schema["$defs"]["TrainingParams"]
    assert training["additionalProperties"] is False
    assert training["properties"]["batch_size"] == {
        "default": 24,
        "description": "clips of a step; 0: as many as memory holds, times accumulate",
        "maximum": 65_536,
        "minimum": 0,
        "title": "Batch Size",
        "type": "integer",
    }
    assert "focal" in training["properties"]["loss"]["enum"]
    assert "gsm" in schema["$defs"]["AugmentationAudioParams"]["properties"]["codecs"][
        "propertyNames"
    ]["enum"]  # fmt: skip


def test_every_key_of_params_yaml_is_in_the_schema() -> None:
    schema = json.loads(antiphon("schema"))

    def check(document: dict[str, Any], here: dict[str, Any], place: str) -> None:
        for key, value in document.items():
            below = here.get("properties", {}).get(key, here.get("additionalProperties"))
            assert below, f"{place}.{key}"
            if isinstance(value, dict) and isinstance(below, dict):
                name = below.get("$ref", "").rpartition("/")[2]
                check(value, schema["$defs"].get(name, below), f"{place}.{key}")

    check(yaml.safe_load((ROOT / "params.yaml").read_text()), schema, "params")
