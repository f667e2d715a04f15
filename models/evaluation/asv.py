"""Scores of a speaker verification system, as the ASVspoof organisers give them.

bonafide target 7.981530
bonafide nontarget -3.2
A07 spoof 1.2
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.errors import InputError
from models.evaluation.metrics.conditions import AsvErrorRates
from models.evaluation.metrics.tdcf import asv_error_rates
from models.files.columns import Columns, read_columns

_LAYOUTS = {3: ("attack_id", "label", "asv_score")}
_KINDS = ("target", "nontarget", "spoof")


def read_asv_scores(path: Path) -> AsvErrorRates:
    """The ASV's error rates at its EER threshold; raises InputError naming file and line."""
    table = read_columns(path)
    columns = table.name(_LAYOUTS)
    if "asv_score" not in columns:
        raise InputError(f"{path}: lines as `A07 spoof 1.2` expected, found a header")
    kinds = np.array(columns["label"])
    attacks = np.array(columns["attack_id"])
    scores = table.numbers(columns["asv_score"], "an ASV score")
    _require_kinds(table, kinds)
    spoofs = kinds == "spoof"
    return asv_error_rates(
        scores[kinds == "target"],
        scores[kinds == "nontarget"],
        {
            str(attack): scores[spoofs & (attacks == attack)]
            for attack in np.unique(attacks[spoofs])
        },
    )


def _require_kinds(table: Columns, kinds: np.typing.NDArray[np.str_]) -> None:
    for row in np.flatnonzero(~np.isin(kinds, _KINDS))[:1]:
        table.refuse(int(row), f"{', '.join(_KINDS)} expected, found {kinds[row]}")
    for kind in _KINDS:
        if not (kinds == kind).any():
            raise InputError(f"{table.path}: trials of kind {kind} expected, found none")
