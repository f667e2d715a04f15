"""Meet each attack of a corpus's later releases, label a few of its clips, adapt, and measure.

OUT/clips/                        the corpus, packed
OUT/bases/release-1-seed-1/       the detector of before that release, and what it makes of clips
OUT/points/ATTACK-PATH-seed-1.json   finished points; not repeated
OUT/report.json  OUT/curve.png
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.lab.adaptation.base import Base
from flows.lab.fold_runs import SECTIONS
from flows.lab.packed_corpus import pack_corpus, read_trials
from flows.lab.run_marks import fingerprint, read_mark
from flows.lab.working_folder import working_alone
from models.data.releases import NewAttack, new_attacks
from models.errors import InputError
from models.evaluation.adaptation import AdaptationPoint, to_json
from models.evaluation.adaptation_picture import draw_curve
from models.files.manifest import WEIGHTS, file_hash
from models.files.whole_files import write_json
from models.fronts.locating import content_hash
from models.params.tree import Params

if TYPE_CHECKING:
    from models.data.clips import Clips

Say = Callable[[str], object]
PATHS = ("fast", "full")


@dataclass(frozen=True)
class CurveRequest:
    """A corpus with releases, and the points to measure."""

    protocol: str
    root: Path
    out: Path
    labels: tuple[int, ...] = (5, 10, 20, 50, 100)
    paths: tuple[str, ...] = ("fast",)
    seeds: int = 3
    weights: Path | None = None  # a detector folder that the first training starts from


def adaptation_curve(request: CurveRequest, params: Params, say: Say) -> list[AdaptationPoint]:
    """All points of the curve; finished ones are read from OUT.

    Raises InputError where the corpus has no releases, or the params cannot be used.
    """
    if params.window.aggregate != "mean":
        raise InputError(
            "window.aggregate: mean expected for an adaptation curve, whose embeddings are means "
            f"over windows, found {params.window.aggregate}"
        )
    trials = read_trials(request.protocol, request.root, params)
    attacks = new_attacks(trials)
    with working_alone(request.out):
        clips = pack_corpus(trials, params, request.out / "clips")
        points = list(_points(request, params, attacks, clips, say))
        write_json(request.out / "report.json", to_json(points))
        draw_curve(points, request.out / "curve.png")
    return points


def _points(
    request: CurveRequest, params: Params, attacks: Sequence[NewAttack], clips: Clips, say: Say
) -> Iterator[AdaptationPoint]:
    """Every attack with the first seed, then with the next, so that a curve is complete early."""
    made_of = _fingerprint(request, params, clips)
    for seed in range(request.seeds):
        for attack in attacks:
            base = Base(
                folder=request.out / "bases" / f"release-{attack.release}-seed-{seed + 1}",
                made_of=made_of,
                clips=clips,
                attack=attack,
                params=params,
                weights=request.weights,
                seed=seed,
            )
            for path in request.paths:
                yield from _of_path(request, base, path, say)


def _of_path(request: CurveRequest, base: Base, path: str, say: Say) -> list[AdaptationPoint]:
    attack = base.attack
    file = request.out / "points" / f"{attack.attack}-{path}-seed-{base.seed + 1}.json"
    made_of = fingerprint({"base": base.made_of, "labels": request.labels})
    mark = read_mark(file)
    if mark.get("made_of") == made_of:
        return [AdaptationPoint(**point) for point in mark["points"]]
    counts = (0, *(n for n in request.labels if n <= attack.labelled.size))
    points = [base.adapted(path, count) for count in counts]
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, {"made_of": made_of, "points": [asdict(point) for point in points]})
    rates = ", ".join(f"{p.labels}: {100 * p.eer:.1f} %" for p in points)
    apart = " and ".join(attack.apart) or "nothing"
    say(f"{attack.attack}, {path}, seed {base.seed + 1}: EER by labels {rates} (apart: {apart})")
    return points


def _fingerprint(request: CurveRequest, chosen: Params, clips: Clips) -> str:
    params = asdict(chosen)
    return fingerprint(
        {
            "params": {section: params[section] for section in (*SECTIONS, "fine_tuning")},
            "pretrained": content_hash(chosen.pretrained),
            "weights": file_hash(request.weights / WEIGHTS) if request.weights else None,
            "trials": clips.trials_hash,
        }
    )
