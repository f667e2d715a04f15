"""params.yaml holds the recipe that the experiments chose."""

from __future__ import annotations

from pathlib import Path

from benchmarks.generalisation_recipes import INGREDIENTS, NARROW, NARROW_RECIPES
from flows.lab.recipes import merged
from models.params.tree import Params, params_from_mapping, read_params

ROOT = Path(__file__).resolve().parents[3]
WINNER = "all - copies"  # docs/generalisation.md


def test_the_defaults_are_the_recipe_that_generalises_best() -> None:
    params = read_params(ROOT / "params.yaml")
    recipe = {"augmentation": NARROW["augmentation"]}
    for ingredient in NARROW_RECIPES[WINNER]:
        recipe = merged(recipe, INGREDIENTS[ingredient])
    wanted = params_from_mapping(recipe)
    assert params.augmentation == wanted.augmentation
    assert not any(params.copy_synthesis.values())
    assert params.training.bonafide_evenly == wanted.training.bonafide_evenly
    assert params.training.bonafide_weight == NARROW["training"]["bonafide_weight"]
    for choice in ("loss", "objective", "averaging", "transfer", "growth", "balanced"):
        assert getattr(params.training, choice) == getattr(wanted.training, choice), choice
    assert params.continual.method == "none"  # docs/continual.md


def test_what_code_assumes_is_what_the_file_says() -> None:
    params = read_params(ROOT / "params.yaml")
    assert params.training == Params().training
    assert params.adversarial == Params().adversarial
