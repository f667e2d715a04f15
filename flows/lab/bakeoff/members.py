"""Who takes part in a bake-off: a detector and the params it learns by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flows.lab.recipes import with_recipe
from models.errors import InputError
from models.params.adversarial import AdversarialParams
from models.params.tree import Params

BASELINE = "spectrum"  # the detector that every other has to beat takes part in any case
TAKEN = ("clips",)  # the folder of the audio, beside those of members


@dataclass(frozen=True)
class Member:
    """A line of the table."""

    name: str
    params: Params


def members_of(
    names: Sequence[str], params: Params, recipes: Mapping[str, Mapping[str, Any]]
) -> tuple[Member, ...]:
    """The named members, and the baseline.

    Raises InputError for what can be told before anything is trained.
    A name is that of a detector, or of a recipe that names one. The options of params.yaml are
    those of its own detector. All start from scratch, and none is hardened.
    """
    if not names:
        raise InputError("bakeoff: at least one detector expected")
    for name in names:
        if not re.fullmatch(r"[\w+-][\w.+-]*", name) or name in TAKEN:
            raise InputError(
                f"bakeoff: a name of letters, digits and .+-_ expected, found {name!r}"
            )
        if names.count(name) > 1:
            raise InputError(f"bakeoff: {name!r} is named twice")
    names = names if BASELINE in names else [*names, BASELINE]
    for name in recipes:
        if name not in names:
            raise InputError(f"bakeoff: a recipe for {name!r}, which is not among the detectors")
    return tuple(Member(name, _params(name, params, recipes.get(name, {}))) for name in names)


def _params(name: str, params: Params, recipe: Mapping[str, Any]) -> Params:
    from models.detectors import DETECTORS, resolve_options  # torch

    if name in DETECTORS:
        params = with_recipe(params, {"detector": {"name": name}}, name)
    elif "name" not in (recipe.get("detector") or {}):
        resolve_options(name)  # says which are known
    params = with_recipe(params, recipe, f"recipe {name}")
    resolve_options(params.detector.name, params.detector.options)
    return replace(params.starting(from_weights=False), adversarial=AdversarialParams(epochs=0))
