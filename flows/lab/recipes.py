"""A recipe: a part of params.yaml that is put over the whole of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.errors import InputError
from models.params.tree import Params, params_from_mapping, read_yaml

Changes = Mapping[str, Any]

# what a detector learns by; the other sections are of the data, or of what comes after
SECTIONS = ("window", "detector", "training", "augmentation", "augmentation_audio")

# what a whole training goes by, copies and hardening included
TRAINING_SECTIONS = (
    *SECTIONS, "copy_synthesis", "neural_vocoder", "adversarial", "fine_tuning",
)  # fmt: skip


def read_recipes(path: Path) -> dict[str, Changes]:
    """A YAML file of recipes by name; raises InputError where it is something else."""
    document = read_yaml(path)
    if not isinstance(document, Mapping):
        raise InputError(f"{path}: recipes by name expected, found {document!r}")
    for name, changes in document.items():
        if not isinstance(changes, Mapping):
            raise InputError(f"{path}: {name}: a part of params.yaml expected, found {changes!r}")
    return {str(name): changes for name, changes in document.items()}


def with_recipe(
    params: Params, changes: Changes, origin: str, sections: Sequence[str] = SECTIONS
) -> Params:
    """The params with a recipe put over them: mappings are joined, all else is replaced.

    `detector.options` are those of one detector: a recipe that names another starts without any.
    Raises InputError naming the section or the key that is wrong.
    """
    for section in changes:
        if section not in sections:
            raise InputError(
                f"{origin}: no section '{section}' in a recipe; known: {', '.join(sections)}"
            )
    document = asdict(params)
    wanted = changes.get("detector")
    if isinstance(wanted, Mapping) and wanted.get("name", params.detector.name) != (
        params.detector.name
    ):
        document["detector"]["options"] = {}
    return params_from_mapping(merged(document, changes), origin)


def merged(document: Changes, changes: Changes) -> dict[str, Any]:
    """Both, nested mappings key by key; where they differ, the changes count."""
    both = {**document, **changes}
    for key in document.keys() & changes.keys():
        if isinstance(document[key], Mapping) and isinstance(changes[key], Mapping):
            both[key] = merged(document[key], changes[key])
    return both
