"""Detectors side by side: the same corpus, the same budget, one table.

OUT/clips/         the corpus, packed
OUT/MEMBER/        the folder of a member (flows/lab/bakeoff/runs.py)
OUT/bakeoff.json   OUT/bakeoff.md   OUT/det.png
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.candidate.devices import device_here
from flows.lab.bakeoff.latency import measure_latency, processor_name
from flows.lab.bakeoff.members import members_of
from flows.lab.bakeoff.plans import measure_in_turns
from flows.lab.bakeoff.result import BakeOff, Row
from flows.lab.bakeoff.runs import MemberRun, Parts
from flows.lab.bakeoff.shortcuts import measure_shortcuts
from flows.lab.packed_corpus import pack_corpus, part_of, read_trials
from flows.lab.working_folder import working_alone
from models.data.clips import Clips
from models.data.folds import Fold, Groups, leave_attacks_out
from models.errors import InputError
from models.evaluation.fold_report import FoldReport, Judged, build_fold_report
from models.evaluation.metrics.eer import eer
from models.params.tree import Params
from models.trials import Partition, Trial

Say = Callable[[str], object]


@dataclass(frozen=True)
class BakeOffRequest:
    """A corpus, detectors and a budget."""

    protocol: str
    root: Path
    out: Path
    detectors: Sequence[str]
    budget_s: float
    unmet: bool = True  # whether to train also without attacks, once for each group
    groups: Groups | None = None


def bakeoff(
    request: BakeOffRequest, params: Params, recipes: Mapping[str, Mapping[str, Any]], say: Say
) -> BakeOff:
    """Train and judge each detector; finished runs are read from OUT.

    A member that fails has its reason in its row. Raises InputError where the corpus, a name, a
    recipe or a group is wrong, before anything is packed or trained.
    """
    members = members_of(request.detectors, params, recipes)
    trials = read_trials(request.protocol, request.root, params)
    folds = leave_attacks_out(trials, request.groups) if request.unmet else ()
    if not 0 < request.budget_s < float("inf"):
        raise InputError(f"budget: more than 0 minutes expected, found {request.budget_s / 60:g}")
    say(_announced(request, len(members), len(folds)))
    with working_alone(request.out):
        packed = pack_corpus(trials, params, request.out / "clips")
        originals = packed.take(range(len(trials)))
        columns = measure_shortcuts(originals, request.out / "clips" / "shortcuts.json")
        parts = _parts(trials, folds, packed)
        runs = [
            MemberRun(request.out / member.name, member, request.budget_s, parts)
            for member in members
        ]
        failed = measure_in_turns(runs)
        rows = [_row(run, failed.get(run.member.name), say) for run in runs]
        return BakeOff(
            protocol=request.protocol,
            budget_s=request.budget_s,
            clock=clock_name(),
            processor=processor_name(),
            folds=tuple(fold.name for fold in folds),
            rows=tuple(rows),
            latency_ms=measure_latency(
                {row.name: request.out / row.name / "detector" for row in rows if row.scores}
            ),
            shortcuts=columns,
        )


def clock_name() -> str:
    """What the budget counts on this machine."""
    return "clock" if device_here() == "cuda" else "processor"


def _announced(request: BakeOffRequest, members: int, folds: int) -> str:
    minutes = request.budget_s / 60
    return (
        f"{members} x {1 + folds} trainings of {minutes:g} minutes of the {clock_name()} each: "
        f"{members * (1 + folds) * minutes:g} minutes, and scoring"
    )


def _parts(trials: Sequence[Trial], folds: Sequence[Fold], packed: Clips) -> Parts:
    copies = packed.trials[len(trials) :]
    train, dev, judged = (part_of(packed, len(trials), partition) for partition in Partition)
    return Parts(train, dev, judged, packed, [fold.and_copies(trials, copies) for fold in folds])


def _row(run: MemberRun, failed: str | None, say: Say) -> Row:
    """Run the trainings of a member; a row with the reason where one of them fails."""
    name = run.member.name
    row = Row(name, run.member.params.detector.name, failure=failed)
    if failed:
        say(f"{name}: failed: {failed}")
        return row
    try:
        params = run.planned()
        earlier = run.known_scores(params)
        scores = earlier or run.work(params)
        rate = eer(scores.bonafide, scores.spoof)
        say(f"{name}: EER {100 * rate:.2f} %{', finished earlier' if earlier else ''}")
        row = row.judged(run, params, scores)
        return row.with_unmet(_unmet(run, params, say)) if run.parts.folds else row
    except InputError as error:
        say(f"{name}: failed: {error}")
        return row.failed(str(error))


def _unmet(run: MemberRun, params: Params, say: Say) -> FoldReport:
    judged = []
    for fold in run.unmet(params):
        finished = fold.is_finished(run.parts.all, None)
        scores = fold.scores() if finished else fold.work(run.parts.all, None)
        rate = eer(scores.bonafide, scores.spoof)
        say(
            f"{run.member.name} without {fold.fold.name}: EER {100 * rate:.2f} %"
            f"{', finished earlier' if finished else ''}"
        )
        judged.append(Judged(fold.fold.name, fold.seed, scores))
    return build_fold_report(judged)
