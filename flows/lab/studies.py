"""The Optuna study of a search in a file.

Trial n depends on (seed, n) and the trials before it, so that a killed study resumes with the same
trials. One process works on a study at a time: a trial in the state RUNNING when a study is opened
was killed, and is repeated as a new trial with the same values.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.lab.search_spaces import Choices, Dimension, Space
from models.errors import InputError

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial

AFTER = "after"  # attribute: the killed trial, by Optuna's number, that this one goes on with
_ID = "id"
_ABOUT = "about"


@dataclass(frozen=True)
class Draws:
    """How trials are drawn and pruned."""

    seed: int
    startup: int  # first trials: drawn at random, never pruned
    warmup: int  # first epochs of a trial, in which it is not pruned


@contextmanager
def open_study(file: Path, about: Mapping[str, Any], draws: Draws) -> Iterator[Study]:
    """Open the study in a file or make one; raises InputError for the study of another search.

    `about` has what the trials of one study must share.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    pruner = optuna.pruners.MedianPruner(draws.startup, draws.warmup)
    try:
        study = optuna.create_study(
            storage=storage, study_name="antiphon", load_if_exists=True, pruner=pruner
        )
        if _ID not in study.user_attrs:
            study.set_user_attr(_ABOUT, dict(about))
            study.set_user_attr(_ID, uuid.uuid4().hex)
        for key, value in study.user_attrs[_ABOUT].items():
            if about[key] != value:
                raise InputError(f"{file}: a search with another {key}; another --out expected")
        _try_again(study)
        yield study
    finally:
        storage.remove_session()
        storage.engine.dispose()


def id_of(study: Study) -> str:
    """Unique among all studies."""
    return str(study.user_attrs[_ID])


def ask(study: Study, space: Space, draws: Draws) -> tuple[Trial, dict[str, Any]]:
    """The next trial, with its values by key."""
    import optuna

    study.sampler = optuna.samplers.TPESampler(
        n_startup_trials=draws.startup, seed=draws.seed + len(ended(study))
    )
    trial = study.ask({key: _distribution(dimension) for key, dimension in space.items()})
    return trial, values_of(trial.params, space)


def ended(study: Study) -> list[FrozenTrial]:
    """Finished trials: complete, pruned or failed, but not killed."""
    trials = study.get_trials(deepcopy=False)
    gone_on = {trial.user_attrs.get(AFTER) for trial in trials}
    return [
        trial
        for trial in trials
        if trial.state.is_finished() and trial.params and trial.number not in gone_on
    ]


def told_before(study: Study, trial: Trial) -> dict[int, float]:
    """Dev EERs by epoch that were reported before a kill."""
    after = trial.user_attrs.get(AFTER)
    return {} if after is None else dict(study.trials[after].intermediate_values)


def values_of(params: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """The values of a trial as params.yaml has them."""
    return {
        key: json.loads(value) if isinstance(space[key], Choices) else value
        for key, value in params.items()
    }


def _try_again(study: Study) -> None:
    """Queue killed trials once, even if this is killed."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    queued = {trial.user_attrs.get(AFTER) for trial in trials}
    for trial in trials:
        if trial.state is not TrialState.RUNNING:
            continue
        if trial.params and trial.number not in queued:
            study.enqueue_trial(trial.params, user_attrs={AFTER: trial.number})
        study.tell(trial.number, state=TrialState.FAIL)


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(dimension, Choices):
        return CategoricalDistribution([json.dumps(value) for value in dimension.values])
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(float(dimension.low), float(dimension.high), log=dimension.log)
