"""A fast cycle on a real platform: labels of a new attack, and a champion that has learnt them."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from typer.testing import CliRunner

from flows.adapt import fast_cycle
from flows.adaptable import is_fast
from flows.cli import app
from flows.cycle import CycleRequest
from flows.places import fetch_champion
from infra import field_samples, ledger, registry
from infra.database import session
from infra.datasets.registry import DatasetRegistry
from infra.settings import settings
from infra.storage import open_store
from infra.tables import ScoredRequest
from models.data.clips import open_clips
from models.data.lessons import read_lessons
from models.errors import InputError
from models.evaluation.scores import read_scores
from models.files.manifest import WEIGHTS, verify
from models.packaging.last_layer import read_backbone
from models.packaging.runtime import ExportedDetector
from models.params.retraining import RetrainingParams
from models.trials import Partition
from tests.flows.cycle_loop import Loop, Turn

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RATE = 16_000
LABELS = 48  # of as many callers: they fill every partition
SPECTRUM = {
    "detector": {"name": "spectrum", "options": {}},
    "evaluation": {"attacked_trials": 0},
    "evaluation_sets": {"adversarial": {"trials": 0}, "bonafide_hard": {"trials": 0}},
    "promotion": {  # what so few trials of hums say of calibration is left aside
        "first_champion_max_eer": 1.0,
        "resamples": 200,
        "min_trials": 5,
        "min_clusters": 2,
        "margins": {"cllr": 10.0, "act_dcf": 10.0, "operating_point": 1.0, "bonafide": 1.0},
    },
}


@pytest.fixture(scope="module")
def loop(
    tmp_path_factory: pytest.TempPathFactory,
    prefect_server: None,  # noqa: ARG001
    migrated_mlflow: Path,
    tone_corpus: Path,
) -> Iterator[Loop]:
    """A champion that knows noise; calls by another attack, reviewed; then two fast cycles."""
    state = tmp_path_factory.mktemp("loop")
    shutil.copy(migrated_mlflow, state / "mlflow.db")
    loop = Loop(state)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTIPHON_STATE_DIR", str(state))
        patch.setenv("ANTIPHON_PARAMS_FILE", str(state / "params.yaml"))
        patch.setenv("ANTIPHON_ENDPOINT", "none")
        patch.setenv("ANTIPHON_DEVICE", "cpu")
        patch.setenv("OMP_NUM_THREADS", "1")
        DatasetRegistry.of(settings()).put_corpus("base", tone_corpus, "Put base")
        loop.write_params(**SPECTRUM)
        with pytest.raises(InputError) as refusal:
            fast_cycle(CycleRequest(trigger="labels"))
        loop.facts["no champion"] = str(refusal.value)
        loop.turn("first", "there is no champion yet")
        loop.facts["remembered"] = remembered_windows(state)
        label_calls(loop)
        ledger.request_cycle(loop.database, "schedule", "the regular schedule")
        fast(loop, "adapted")
        loop.facts["waiting"] = [r.trigger for r in ledger.waiting_requests(loop.database)]
        fast(loop, "again")
        yield loop


def remembered_windows(state: Path) -> int:
    (file,) = (state / "embeddings").glob("*.npz")
    with np.load(file) as stored:
        return len(stored["windows"])


def fast(loop: Loop, name: str) -> None:
    """Turn a fast cycle, as `antiphon adapt` does."""
    loop.turns[name] = Turn(outcome=fast_cycle(CycleRequest(trigger="labels", reason=name)))


def label_calls(loop: Loop) -> None:
    """Calls that hum as people do, with a faint tone above: accepted as spoofs by `whistle`."""
    rng = np.random.default_rng(7)
    store = open_store(settings())
    for number in range(LABELS):
        stream = io.BytesIO()
        soundfile.write(stream, whistling_hum(rng), RATE, format="WAV")
        key = f"audio/{number}.wav"
        store.put(key, stream.getvalue())
        row = ScoredRequest(
            request_id=f"call-{number}", scored_at=datetime.now(UTC), model_version=1,
            cm_score=1.0, spoof_probability=0.1, verdict="bonafide", threshold=0.0, duration_s=0.8,
            windows=1, features={}, embedding_sketch=[], audio_key=key,
            audio_sha256=hashlib.sha256(stream.getvalue()).hexdigest(),
            speaker_id=f"caller-{number}", source="line",
        )  # fmt: skip
        with session(loop.database) as opened:
            opened.add(row)
        sample = field_samples.flag(loop.database, row.request_id, "spoof", "whistle")
        field_samples.start_review(loop.database, sample.id, "berta")
        field_samples.accept(loop.database, sample.id, "berta", "spoof", "whistle")


def whistling_hum(rng: np.random.Generator) -> NDArray[np.float64]:
    time = np.arange(int(rng.integers(9_600, RATE))) / RATE
    pitch = rng.uniform(100, 180) * (1 + 0.03 * np.sin(2 * np.pi * 5 * time + rng.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    hum = np.sum([np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 12)], axis=0)
    voiced = hum * (0.55 + 0.45 * np.sin(2 * np.pi * 3 * time + rng.uniform(0, 6)))
    whistled = voiced / voiced.std() + 0.3 * np.sin(2 * np.pi * 5_000 * time)
    even = 0.05 * whistled / np.sqrt(np.mean(whistled**2))
    return np.clip(even + 1e-3 * rng.standard_normal(time.size), -1, 1)


def test_new_labels_become_a_champion_that_catches_the_attack(loop: Loop) -> None:
    outcome = loop.turns["adapted"].outcome
    assert (outcome.outcome, outcome.champion, outcome.version) == ("promoted", 1, 2)
    whistle = outcome.verdict["by_attack"]["whistle"]
    assert whistle["eer_candidate"] < whistle["eer_champion"] / 2
    noise = outcome.verdict["by_attack"]["noise"]
    assert noise["eer_candidate"] <= noise["eer_champion"] + 0.01
    champion = registry.champion()
    assert champion is not None
    assert champion.version == 2


def test_a_new_champion_remembers_the_train_clips_that_fast_cycles_replay(loop: Loop) -> None:
    prepared = loop.workspace("first") / "pipeline" / "prepared"
    train, judged = (open_clips(prepared, part) for part in (Partition.TRAIN, Partition.EVAL))
    assert loop.facts["remembered"] >= len(train) + len(judged)


def test_only_the_last_layer_is_another_one(loop: Loop) -> None:
    old = loop.workspace("adapted") / "pipeline" / "champion" / "detector"
    new = loop.workspace("adapted") / "pipeline" / "registered"
    verify(new)
    before, after = read_backbone(old), read_backbone(new)
    assert before is not None and after is not None
    assert before.sha256 == after.sha256
    assert not np.array_equal(before.layer.weight, after.layer.weight)
    assert verify(old).files[WEIGHTS] != verify(new).files[WEIGHTS]
    learnt = read_lessons(new)
    assert learnt > read_lessons(old)
    assert any(attack == "whistle" for _, attack in learnt)


def test_the_scores_that_judged_it_are_those_of_its_graph(loop: Loop) -> None:
    from flows.candidate.detector_folders import score_exported
    from models.data.clips import open_clips

    pipeline = loop.workspace("adapted") / "pipeline"
    judged = read_scores(pipeline / "evaluation" / "scores.csv")
    exported = ExportedDetector.open(pipeline / "registered")
    graph = score_exported(exported, open_clips(pipeline / "prepared", "eval"))
    assert judged.utterance_ids == graph.utterance_ids
    np.testing.assert_allclose(judged.cm_scores, graph.cm_scores, rtol=1e-4, atol=1e-4)


def test_a_full_cycle_that_waits_is_left_waiting(loop: Loop) -> None:
    assert loop.facts["waiting"] == ["schedule"]


def test_the_loop_starts_fast_cycles_for_labels_alone_where_the_champion_allows_them(
    loop: Loop,  # noqa: ARG001
) -> None:
    champion = fetch_champion()
    fast = RetrainingParams(fast=True)
    assert is_fast({"labels"}, champion, fast)
    assert not is_fast({"labels", "schedule"}, champion, fast)
    assert not is_fast({"labels"}, champion, RetrainingParams(fast=False))
    assert not is_fast({"labels"}, None, fast)


def test_without_new_labels_nothing_is_refitted(loop: Loop) -> None:
    outcome = loop.turns["again"].outcome
    assert (outcome.outcome, outcome.path, outcome.champion) == ("unchanged", "fast", 2)
    assert outcome.reason == (
        "no accepted field sample in train is new to the champion (version 2)"
    )


def test_without_a_champion_one_sentence_says_what_trains_one(loop: Loop) -> None:
    assert loop.facts["no champion"] == (
        "there is no champion yet: `antiphon retrain` trains the first"
    )


def test_the_run_and_the_list_of_cycles_tell_the_path(loop: Loop) -> None:
    run = loop.run("adapted")
    assert (run.data.tags["path"], run.data.tags["triggers"]) == ("fast", "labels")
    assert run.data.metrics["refit/new_spoof"] > 0
    assert loop.run("first").data.tags["path"] == "full"
    answer = CliRunner().invoke(app, ["cycles", "--json"], catch_exceptions=False)
    rows = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [row["summary"]["path"] for row in rows] == ["fast", "fast", "full"]


def test_embeddings_are_kept_for_the_next_cycle(loop: Loop) -> None:
    (kept,) = (loop.state / "embeddings").glob("*.npz")
    with np.load(kept) as content:
        assert len(content["windows"]) > LABELS
