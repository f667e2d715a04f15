"""The recipes that `benchmarks.generalisation` compares, each a part of params.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.lab.recipes import Changes, merged

# a detector of one size for all recipes, small enough for hundreds of trainings on a laptop
NARROW: Changes = {
    "window": {"samples": 16_000, "hop": 16_000},
    "detector": {
        "name": "aasist",
        "options": {
            "sinc_filters": 12, "widths": [8, 8, 16], "graph_dims": [16, 16],
            "attention_dropout": 0.0, "pool_dropout": 0.0, "branch_dropout": 0.0,
            "readout_dropout": 0.1,
        },
    },
    "training": {
        "bonafide_weight": 0.5, "learning_rate": 5e-3, "final_learning_rate": 1e-4,
        "weight_decay": 0.0, "batch_size": 16, "epochs": 4, "steps_per_epoch": 75,
        "patience": 4, "crop_samples": 16_000, "seed": 1,
    },
    "augmentation": {"gain": 0.5, "white_noise": 0.3},
    "adversarial": {"epochs": 0},
}  # fmt: skip

# the official AASIST goes on for a few steps
OFFICIAL: Changes = {
    "window": {"samples": 16_000, "hop": 16_000},
    "training": {
        "bonafide_weight": 0.5, "learning_rate": 1e-4, "final_learning_rate": 1e-5,
        "batch_size": 8, "epochs": 2, "steps_per_epoch": 50, "patience": 2,
        "crop_samples": 16_000, "seed": 1,
        "mixed_precision": "always",  # a processor without bf16 has to do without
    },
    "augmentation": {"gain": 0.5, "white_noise": 0.3},
    "adversarial": {"epochs": 0},
}  # fmt: skip

INGREDIENTS: Mapping[str, Changes] = {
    "room": {"augmentation": {"room": 0.3}},
    "noise": {"augmentation": {"background": 0.3}},
    "codec": {"augmentation": {"codec": 0.3}},
    "rawboost": {
        "augmentation": {
            "rawboost_convolutive": 0.1, "rawboost_impulsive": 0.1, "rawboost_stationary": 0.1,
        }
    },
    "masks": {"augmentation": {"time_mask": 0.3, "frequency_mask": 0.3}},
    "sources": {"training": {"bonafide_evenly": "sources"}},
    "griffin-lim": {"copy_synthesis": {"griffin_lim": 0.5}},
    "world": {"copy_synthesis": {"world": 0.5}},
    "ema": {"training": {"averaging": {"kind": "ema", "decay": 0.97}}},
    "swa": {"training": {"averaging": {"kind": "swa", "start": 0.4}}},
    "focal": {"training": {"loss": "focal"}},
    "one-class": {"training": {"loss": "one-class"}},
    "smoothing": {"training": {"objective": {"label_smoothing": 0.1}}},
    "mixup": {"training": {"objective": {"mixup": 0.2}}},
    # the last of the four epochs is hardened: as many steps as the others
    "adversarial": {
        "training": {"epochs": 3},
        "adversarial": {"epochs": 1, "attack": "fgsm-rs", "snr_db": 40.0, "learning_rate": 1e-3},
    },
}  # fmt: skip
FROM_WEIGHTS: Mapping[str, Changes] = {  # what only a detector with weights can do
    "frozen": {"training": {"transfer": {"frozen_epochs": 4, "frozen_groups": 5}}},
    "rate-decay": {"training": {"transfer": {"rate_decay": 0.7}}},
}
COPIES = ("griffin-lim", "world")
NAIVE = "naive"
EVERYTHING = "all"
ALL = (
    "sources",
    "rawboost",
    *COPIES,
)  # what did not cost eval, attacks and sources alike by itself
UNTRAINED = "official"

Recipes = Mapping[str, tuple[str, ...]]  # name -> its ingredients


def _all_but(*names: str) -> tuple[str, ...]:
    return tuple(name for name in ALL if name not in names)


_SURROUNDINGS = ("room", "noise")
NARROW_RECIPES: Recipes = {
    NAIVE: (),
    "+ copies": COPIES,
    "+ surroundings": _SURROUNDINGS,
    "+ codec": ("codec",),
    "+ rawboost": ("rawboost",),
    "+ masks": ("masks",),
    "+ sources": ("sources",),
    "+ ema": ("ema",),
    "+ one-class": ("one-class",),
    "+ smoothing": ("smoothing",),
    "+ mixup": ("mixup",),
    "+ adversarial": ("adversarial",),
    EVERYTHING: ALL,
    "all - sources": _all_but("sources"),
    "all - rawboost": _all_but("rawboost"),
    "all - copies": _all_but(*COPIES),
}
_OF_WEIGHTS = (
    NAIVE,
    "+ copies",
    "+ rawboost",
    "+ sources",
    EVERYTHING,
)  # others from scratch alone
OFFICIAL_RECIPES: Recipes = {
    **{name: NARROW_RECIPES[name] for name in _OF_WEIGHTS},
    **{name: changes for name, changes in NARROW_RECIPES.items() if name.startswith("all - ")},
    "+ frozen": ("frozen",),
}


def document_of(base: Changes, ingredients: tuple[str, ...]) -> dict[str, Any]:
    """What a recipe would write into params.yaml."""
    known = {**INGREDIENTS, **FROM_WEIGHTS}
    document: dict[str, Any] = {}
    for changes in (base, *(known[name] for name in ingredients)):
        document = merged(document, changes)
    return document
