"""From packed clips to the evidence of every set, through exported graphs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from flows.candidate.evaluate import calibrate
from flows.evidence.case import Case, Contestant
from flows.gate import score_sets
from flows.gate.choose_sets import choose_sets
from flows.gate.judging import Contest, gather_evidence, judge_run
from flows.places import engine
from infra import tracking
from infra.comparisons import histories
from models.data.clips import Clips, is_packed, open_clips, pack_clips
from models.detectors import build_detector
from models.files.manifest import GRAPH, read_manifest, write_manifest
from models.packaging.checkpoint import save_detector
from models.packaging.export import export_detector
from models.params.evaluation_sets import (
    AdversarialSetParams,
    BonafideHardParams,
    EvaluationSetsParams,
)
from models.params.promotion import PromotionParams
from models.params.tree import Params
from models.params.window import WindowParams
from models.promotion import EvaluationSet, Verdict, judge
from models.promotion.evaluation_sets import JudgingSets
from models.trials import Trial
from tests.flows.evidence.examples import case_of
from tests.tolerances import EPS

pytestmark = pytest.mark.slow

NARROW = {"sinc_filters": 12, "sinc_length": 33, "widths": [4], "graph_dims": [8, 8]}
WINDOW = WindowParams(8_000, 8_000)
SETS = EvaluationSetsParams(
    rolling_trials=6,
    adversarial=AdversarialSetParams(trials=4, attack="fgsm"),
    bonafide_hard=BonafideHardParams(trials=3, effects={"gsm": True}),
)
PARAMS = Params(window=WINDOW, evaluation_sets=SETS)
FROZEN, ROLLING, SENTINEL, ADVERSARIAL, HARD = (
    EvaluationSet.FROZEN, EvaluationSet.ROLLING, EvaluationSet.SENTINEL,
    EvaluationSet.ADVERSARIAL, EvaluationSet.BONAFIDE_HARD,
)  # fmt: skip
TRANSFER = EvaluationSet.TRANSFER


def pack(folder: Path, part: str, *names: str) -> None:
    """Clips of noise; even ones are bona fide."""
    rng = np.random.default_rng([ord(letter) for letter in part])
    trials = [
        Trial(name, Path("-"), "A1" if number % 2 else None, speaker_id=f"s{number}",
              language="fr" if number % 4 == 0 else None)
        for number, name in enumerate(names)
    ]  # fmt: skip
    sounds = [(0.1 * rng.standard_normal(9_000)).astype(np.float32) for _ in names]
    pack_clips(Clips.from_arrays(trials, sounds), folder, part)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two exported and calibrated detectors, and packed clips."""
    folder = tmp_path_factory.mktemp("sets")
    fields = [f"field/field-{number}" for number in range(8)]
    pack(folder / "prepared", "eval", *(f"base/{number}" for number in range(12)), *fields)
    pack(folder / "prepared", "sentinel", *(f"watch/{number}" for number in range(4)))
    pack(folder / "prepared", "dev", *(f"base/d{number}" for number in range(8)))
    torch.manual_seed(1)
    save_detector(build_detector("aasist", NARROW), folder / "candidate", WINDOW)
    export_detector(folder / "candidate")
    calibrate(folder / "candidate", open_clips(folder / "prepared", "dev"), PARAMS)
    shutil.copytree(folder / "candidate", folder / "champion")
    shift_scores(folder / "champion")
    return folder


def shift_scores(folder: Path) -> None:
    """Another graph without another export: the bias of the logits is moved."""
    model = onnx.load(folder / GRAPH)
    (bias,) = (tensor for tensor in model.graph.initializer if list(tensor.dims) == [2])
    moved = onnx.numpy_helper.to_array(bias) + np.array([0.0, 1.0], dtype=np.float32)
    bias.CopyFrom(onnx.numpy_helper.from_array(moved, bias.name))
    onnx.save(model, folder / GRAPH)
    write_manifest(folder, read_manifest(folder))


def contest(place: Path, run_id: str = "run1") -> Contest:
    return Contest(run_id, place / "candidate", place / "champion", place / "prepared", PARAMS)


def both(place: Path) -> dict[str, Path]:
    return {name: place / name for name in ("candidate", "champion")}


def choose(
    prepared: Path,
    detectors: Mapping[str, Path],
    sets: EvaluationSetsParams,
    cache: Path,
    left_out: Collection[str] = (),
) -> JudgingSets:
    parts = {n: open_clips(prepared, n) for n in ("eval", "sentinel") if is_packed(prepared, n)}
    return choose_sets(parts, left_out, detectors, sets, cache)


@pytest.fixture(autouse=True)
def _state(state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("ANTIPHON_DEVICE", "cpu")
    return state  # type: ignore[return-value]


def test_both_detectors_are_heard_on_every_set(place: Path) -> None:
    evidence = gather_evidence(replace(contest(place), drifted=True))
    sizes = {name: len(pair.candidate.utterance_ids) for name, pair in evidence.sets.items()}
    assert sizes == {
        FROZEN: 12, ROLLING: 6, SENTINEL: 4, ADVERSARIAL: 4, TRANSFER: 4, HARD: 9 + 3
    }  # fmt: skip
    for pair in evidence.sets.values():
        assert pair.champion is not None
        assert pair.champion.keys == pair.candidate.keys
        shift = pair.champion.cm_scores - pair.candidate.cm_scores
        rounded = 2 * EPS * float(np.abs(pair.champion.cm_scores).max())
        np.testing.assert_allclose(shift, 1.0, rtol=0, atol=rounded)  # each by its own graph
    assert set(evidence.sets[HARD].slices) == {"language=fr", "through=gsm"}
    assert len({pair.version for pair in evidence.sets.values()}) == 5
    assert (evidence.drifted, evidence.golden) == (True, True)
    assert evidence.calibrations is not None
    assert evidence.calibrations.champion is not None
    assert evidence.costs is not None
    assert evidence.costs.champion is not None
    assert (evidence.costs.candidate.memory_bytes or 0) > 10**6
    assert judge(evidence, PARAMS.promotion).to_json()["verdict"] in ("promote", "reject", "shadow")


def test_no_clip_goes_twice_through_a_detector(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored: list[str] = []
    score = score_sets.score_exported

    def counting(exported: object, clips: Clips, progress: str) -> object:
        scored.extend(f"{progress}: {name}" for name in clips.utterance_ids)
        return score(exported, clips, progress=progress)  # type: ignore[arg-type]

    monkeypatch.setattr(score_sets, "score_exported", counting)
    gather_evidence(contest(place))
    assert len(scored) == len(set(scored)) == 2 * (20 + 4 + 2 * 4 + 3)


def test_attacked_clips_of_the_same_champion_are_found_again(place: Path, tmp_path: Path) -> None:
    def attacked(sets: EvaluationSetsParams = SETS) -> Clips:
        chosen = choose(place / "prepared", both(place), sets, tmp_path / "cache")
        return chosen.parts["attacked-champion"]

    first = attacked()
    (folder,) = (tmp_path / "cache").iterdir()
    before = (folder / "attacked.npy").stat().st_mtime_ns
    assert np.array_equal(attacked().samples, first.samples)
    assert (folder / "attacked.npy").stat().st_mtime_ns == before
    louder = replace(SETS, adversarial=replace(SETS.adversarial, snr_db=20.0))
    assert not np.array_equal(attacked(louder).samples, first.samples)


def test_each_detector_is_attacked_in_windows_of_its_own(place: Path, tmp_path: Path) -> None:
    detectors = {**both(place), "champion": tmp_path / "champion"}
    shutil.copytree(place / "champion", detectors["champion"])
    other = replace(read_manifest(place / "champion"), window=WindowParams(8_500, 8_500))
    write_manifest(detectors["champion"], other)
    chosen = choose(place / "prepared", detectors, SETS, tmp_path / "cache")
    lengths = {part: set(clips.lengths.tolist()) for part, clips in chosen.parts.items()}
    assert lengths["attacked-champion"] == {8_500}
    assert lengths["attacked-candidate"] == {8_000}
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_what_is_not_there_is_absent_for_a_reason(tmp_path: Path) -> None:
    few = tmp_path / "prepared"
    pack(few, "eval", "base/1", "base/2")
    quiet = replace(SETS, bonafide_hard=BonafideHardParams(trials=0))
    chosen = choose(few, {}, quiet, tmp_path / "cache")
    assert set(chosen.sets) == {FROZEN}
    assert chosen.absent == {
        ROLLING: "no field sample is in eval",
        SENTINEL: "params name no sentinel corpus",
        ADVERSARIAL: "there is no champion",
        TRANSFER: "there is no champion",
        HARD: "evaluation_sets.bonafide_hard.trials is 0",
    }


def test_trials_that_are_left_out_are_in_no_set(place: Path, tmp_path: Path) -> None:
    left_out = {"base/0", "watch/1", "field/field-7"}
    chosen = choose(place / "prepared", both(place), SETS, tmp_path / "cache", left_out)
    ids = {name for clips in chosen.parts.values() for name in clips.utterance_ids}
    assert not left_out & ids
    assert "gsm:base/0" not in ids


def test_an_attack_of_older_field_samples_alone_is_told_when_it_is_forgotten(
    tmp_path: Path,
) -> None:
    prepared = tmp_path / "prepared"
    trials = [Trial("base/1", Path("-"), None), Trial("field/field-1", Path("-"), "gone"),
              Trial("field/field-2", Path("-"), None)]  # fmt: skip
    noise = np.random.default_rng(1).standard_normal((3, 9_000)).astype(np.float32)
    pack_clips(Clips.from_arrays(trials, [0.1 * waveform for waveform in noise]), prepared, "eval")
    newest, cache = replace(SETS, rolling_trials=1), tmp_path / "cache"
    assert "attack gone" in choose(prepared, {}, newest, cache).absent
    assert "attack gone" not in choose(prepared, {}, SETS, cache).absent


def test_a_graph_that_is_not_what_was_exported_fails_its_golden_vectors(
    place: Path, tmp_path: Path
) -> None:
    swapped = tmp_path / "swapped"
    shutil.copytree(place / "candidate", swapped)
    shutil.copy(place / "champion" / GRAPH, swapped / GRAPH)
    write_manifest(swapped, read_manifest(swapped))
    evidence = gather_evidence(Contest("run1", swapped, None, place / "prepared", PARAMS))
    assert evidence.golden is False


@pytest.mark.usefixtures("mlflow_state")
def test_a_verdict_and_what_it_asked_of_the_sets_are_written_together(place: Path) -> None:
    with tracking.running("cycle-1", "cycle-1", {}) as run_id:
        for _ in range(2):  # a retried step
            evidence = gather_evidence(contest(place, run_id))
            assert set(evidence.spent.values()) == {0.0}  # its own earlier look does not count
            case = replace(case_of(), run_id=run_id, cycle_id="cycle-1")
            verdict = judge_run(case, evidence, PARAMS.promotion)
    by_set = histories(engine())
    assert set(by_set) == {
        name.value for name in (FROZEN, ROLLING, SENTINEL, ADVERSARIAL, TRANSFER, HARD)
    }
    assert {history.comparisons for history in by_set.values()} == {1}
    frozen = by_set["frozen"]
    assert frozen.spent == PARAMS.promotion.direct_level
    assert frozen.newest.decision == verdict.decision.value
    assert (frozen.newest.bonafide, frozen.newest.spoof, frozen.newest.clusters) == (6, 6, 12)
    again = gather_evidence(contest(place, "run2"))
    assert again.spent[again.sets[FROZEN].version] == PARAMS.promotion.direct_level
    assert json.dumps(verdict.to_json())


def case_before_the_gate(place: Path, run_id: str) -> Case:
    """The case of the real folders, as a cycle makes it."""
    candidate, champion = Contestant.of(place / "candidate"), Contestant.of(place / "champion", 1)
    return replace(case_of(), run_id=run_id, candidate=candidate, champion=champion)


def put_before_the_gate(place: Path, name: str, rules: PromotionParams) -> Verdict:
    """A candidate's run: both detectors scored on every set, and judged."""
    with tracking.running(name, name, {}) as run_id:
        evidence = gather_evidence(contest(place, run_id))
        return judge_run(case_before_the_gate(place, run_id), evidence, rules)


@pytest.mark.usefixtures("mlflow_state")
def test_the_same_question_by_another_run_gets_the_same_verdict_and_spends_nothing(
    place: Path,
) -> None:
    rules = PARAMS.promotion
    first, second, third = (put_before_the_gate(place, f"cycle-{n}", rules) for n in range(3))
    assert (second.decision, second.reason, second.superiority, second.checks) == (
        first.decision, first.reason, first.superiority, first.checks
    )  # fmt: skip
    assert (second.costs, second.budgets) == (first.costs, first.budgets)
    (note,) = set(second.warnings) - set(first.warnings)
    assert "its verdict stands, nothing is spent" in note
    assert third == second
    history = histories(engine())["frozen"]
    assert (history.comparisons, history.spent) == (3, rules.direct_level)
    put_before_the_gate(place, "cycle-3", replace(rules, level=2 * rules.level))  # another one
    assert histories(engine())["frozen"].spent == pytest.approx(3 * rules.direct_level)


@pytest.mark.usefixtures("mlflow_state")
def test_a_set_with_one_trial_more_has_spent_what_its_other_trials_have(
    place: Path, tmp_path: Path
) -> None:
    put_before_the_gate(place, "cycle-1", PARAMS.promotion)
    larger, version = tmp_path / "larger", histories(engine())["frozen"].newest.version
    shutil.copytree(place, larger)
    clips = open_clips(place / "prepared", "eval")
    renamed = [replace(t, utterance_id=f"other-{t.utterance_id}") for t in clips.trials]
    rng = np.random.default_rng(9)
    sounds = [*(clips.waveform(row) for row in range(len(clips))), 0.1 * rng.standard_normal(9_000)]
    more = Clips.from_arrays([*renamed, Trial("base/new", Path("-"), None)], sounds)
    pack_clips(more, larger / "prepared", "eval")
    evidence = gather_evidence(contest(larger, "run2"))
    frozen = evidence.sets[FROZEN]
    assert frozen.version != version
    assert evidence.spent[frozen.version] == PARAMS.promotion.direct_level
