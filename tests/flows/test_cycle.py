"""Whole cycles, turned one after the other with real Prefect, MLflow and DVC, at the smallest size.

The first champion has learnt one step, the second is trained on until it is right, and no further
one is better. The tests read what the cycles left behind.
"""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.evidence.sealing import check_seal
from infra import audit, ledger, registry
from infra.artifacts import fetch_artifacts, run_of
from infra.commands import CommandError, git
from infra.database import open_database
from infra.datasets import DatasetRegistry
from infra.mlflow_client import connect
from infra.settings import settings
from infra.signing import trusted_keys
from infra.storage import open_store
from infra.tables import Cycle
from models.errors import InputError
from models.evaluation.scores import read_scores
from models.files.manifest import REFERENCE, file_hash, read_manifest, verify

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PROJECT = Path(__file__).resolve().parents[2]
STAGES = ("prepare", "train", "adversarial", "export", "evaluate")
ONE_STEP: dict[str, Any] = {
    "window": {"samples": 8_000, "hop": 8_000},
    "detector": {  # one whose graph is written at once
        "name": "cnn-lstm",
        "options": {"form": "cnn", "widths": [4, 4, 4], "units": 8, "dropout": 0.0},
    },
    "training": {
        "bonafide_weight": 0.5, "learning_rate": 1e-6, "final_learning_rate": 1e-6,
        "batch_size": 12, "epochs": 1, "steps_per_epoch": 1, "crop_samples": 8_000,
    },
    "adversarial": {"epochs": 0},
    "evaluation": {"attacked_trials": 4},
    "evaluation_sets": {
        "adversarial": {"trials": 4, "attack": "fgsm"}, "bonafide_hard": {"trials": 4},
    },
    "robustness": {"attacks": ["fgsm"], "guard_trials": 2},
    "promotion": {"first_champion_max_eer": 1.0, "resamples": 200},
}  # fmt: skip
UNTIL_RIGHT: dict[str, Any] = {
    "training": {"final_learning_rate": 1e-3, "steps_per_epoch": 40},
    "fine_tuning": {"learning_rate": 5e-3, "epochs": 2},
}
SECTIONS = sorted({*ONE_STEP, *UNTIL_RIGHT})
ANEW: dict[str, Any] = {"training": {"initial": "scratch"}}  # as if there were no champion


@dataclass
class Turn:
    """One call of the flow, and what was said meanwhile."""

    outcome: Any = None
    error: Exception | None = None
    messages: list[str] = field(default_factory=list)

    def ran(self) -> list[str]:
        """The stages that DVC ran."""
        text = "\n".join(self.messages)
        return [stage for stage in STAGES if f"Running stage '{stage}'" in text]

    def cached(self) -> list[str]:
        """The stages whose results DVC took from its cache."""
        text = "\n".join(self.messages)
        return [stage for stage in STAGES if f"Stage '{stage}' is cached" in text]


@dataclass
class Loop:
    """The platform's state, and the cycles turned on it."""

    state: Path
    turns: dict[str, Turn] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def write_params(self, **sections: dict[str, Any]) -> None:
        """params.yaml: one step, and what differs from it."""
        document = {name: {**ONE_STEP.get(name, {}), **sections.get(name, {})} for name in SECTIONS}
        (self.state / "params.yaml").write_text(yaml.safe_dump(document))

    def turn(self, name: str, reason: str | None = None) -> Turn:
        """Call the flow as `antiphon retrain` does, or without a request of its own."""
        from flows.cycle import CycleRequest
        from flows.retrain import retraining_cycle

        turn = self.turns[name] = Turn()
        with listening(turn.messages):
            try:
                turn.outcome = retraining_cycle(CycleRequest(reason=reason) if reason else None)
            except (InputError, CommandError) as error:
                turn.error = error
        return turn

    def cycle(self, name: str) -> Cycle:
        """What the ledger says of a turn that had a cycle."""
        cycles = {c.id: c for c in ledger.recent_cycles(self.database)}
        return cycles[self.turns[name].outcome.cycle_id]

    def run(self, name: str) -> Any:
        """The MLflow run of a turn."""
        return connect(settings()).get_run(self.turns[name].outcome.run_id)

    def workspace(self, name: str) -> Path:
        """The folder of a turn's cycle."""
        return self.state / "cycles" / self.turns[name].outcome.cycle_id

    @property
    def database(self) -> Any:
        return open_database(settings().database_url)


class listening(logging.Handler):  # noqa: N801  read as a verb, like contextlib's
    """Keep what the cycle says, DVC's lines included."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self.messages = messages
        self.logger = logging.getLogger("antiphon.cycle")

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())

    def __enter__(self) -> None:
        self.level_before = self.logger.level
        self.logger.setLevel(logging.DEBUG)
        self.logger.addHandler(self)

    def __exit__(self, *_: object) -> None:
        self.logger.removeHandler(self)
        self.logger.setLevel(self.level_before)


@pytest.fixture(scope="module")
def loop(
    tmp_path_factory: pytest.TempPathFactory,
    prefect_server: None,  # noqa: ARG001
    migrated_mlflow: Path,
    tone_corpus: Path,
    free_port: Callable[[], int],
) -> Iterator[Loop]:
    """Six cycles: first champion, better, not better, broken, overtaken by hand, in shadow."""
    loop = Loop(tmp_path_factory.mktemp("loop"))
    shutil.copy(migrated_mlflow, loop.state / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTIPHON_STATE_DIR", str(loop.state))
        patch.setenv("ANTIPHON_PARAMS_FILE", str(loop.state / "params.yaml"))
        patch.setenv("ANTIPHON_ENDPOINT_PORT", str(free_port()))
        patch.setenv("ANTIPHON_DEVICE", "cpu")
        patch.setenv("OMP_NUM_THREADS", "1")
        loop.facts["project before"] = what_the_pipeline_might_dirty()
        datasets = DatasetRegistry.of(settings())
        loop.facts["dataset"] = datasets.put_corpus("base", tone_corpus, "Put base")

        loop.write_params()
        loop.turn("first", "there is no champion yet")
        loop.write_params(**UNTIL_RIGHT)
        loop.turn("better", "new parameters")
        wait_behind_another_cycle(loop)
        loop.write_params(**ANEW)
        loop.turn("not better")
        break_a_stage(loop)
        overtake_by_hand(loop)
        run_in_shadow(loop)
        loop.facts["project after"] = what_the_pipeline_might_dirty()
        yield loop


def wait_behind_another_cycle(loop: Loop) -> None:
    """A request while a cycle of another process runs; two more requests; then that cycle ends."""
    database = loop.database
    ledger.request_cycle(database, "manual", "of another process")
    other = ledger.claim_cycle(database, lease_s=300)
    assert other is not None
    loop.turn("behind", "asked for meanwhile")
    loop.facts["waiting"] = [r.reason for r in ledger.waiting_requests(database)]
    ledger.request_cycle(database, "drift", "cm_score has moved")
    ledger.request_cycle(database, "schedule", "the schedule says so")
    ledger.finish(database, other, "failed", {"reason": "the other process was stopped"})


def break_a_stage(loop: Loop) -> None:
    """Parameters that only the train stage can refuse."""
    loop.write_params(detector={"options": {"width": [4]}})
    loop.turn("broken", "a misspelt option")
    loop.facts["broken"] = ledger.recent_cycles(loop.database, limit=1)[0]
    loop.write_params(**UNTIL_RIGHT)


def overtake_by_hand(loop: Loop) -> None:
    """The second cycle again, but before its winner is registered somebody rolls forward."""
    from flows import tasks

    registry.rollback()  # version 1 is the champion again: the candidate beats it, as before
    register = tasks.register

    def register_after_a_hand(*arguments: Any) -> Any:
        if registry.champion().version == 1:  # type: ignore[union-attr]
            registry.rollback()
        return register(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "register", register_after_a_hand)
        loop.turn("overtaken", "the same once more")


def run_in_shadow(loop: Loop) -> None:
    """The second cycle once more, but the evaluation set has been asked too often to promote."""
    registry.rollback()  # version 1 is the champion again
    loop.write_params(**UNTIL_RIGHT, promotion={**ONE_STEP["promotion"], "error_budget": 0.0})
    loop.turn("in shadow", "the same, of a worn-out set")
    loop.facts["challenger"] = registry.challenger()
    registry.rollback()  # as it was


def what_the_pipeline_might_dirty() -> str:
    """git's view of the source tree's own pipeline and data, ignored files included."""
    places = ("data", "pipeline", "dvc.lock", "params.yaml", ".dvc")
    return git(PROJECT, "status", "--porcelain", "--ignored", "--", *places)


def test_the_first_champion_is_promoted_below_the_bound(loop: Loop) -> None:
    outcome = loop.turns["first"].outcome
    assert (outcome.outcome, outcome.version, outcome.champion) == ("promoted", 1, None)
    assert outcome.reason.startswith("there is no champion yet")
    assert outcome.dataset == loop.facts["dataset"]
    assert outcome.rollout.startswith("no endpoint answers at http://127.0.0.1:")
    assert loop.turns["first"].ran() == list(STAGES)


def test_a_better_candidate_takes_the_champions_place(loop: Loop) -> None:
    outcome = loop.turns["better"].outcome
    assert (outcome.outcome, outcome.version, outcome.champion) == ("promoted", 2, 1)
    low, high = outcome.verdict["interval"]
    assert low <= outcome.verdict["difference"] <= high < 0
    assert outcome.verdict["eer_candidate"] < 0.1 < outcome.verdict["eer_champion"]
    assert outcome.verdict["by_attack"]["noise"]["trials"] == 30


def test_a_candidate_that_is_not_better_stays_out_of_the_registry(loop: Loop) -> None:
    outcome = loop.turns["not better"].outcome
    assert (outcome.outcome, outcome.version, outcome.champion) == ("rejected", None, 2)
    assert "does not fall beyond chance" in outcome.reason
    versions = connect(settings()).search_model_versions(f"run_id = '{outcome.run_id}'")
    assert list(versions) == []


def test_the_run_of_a_rejected_candidate_says_why(loop: Loop) -> None:
    run = loop.run("not better")
    assert run.data.tags["verdict"] == "rejected"
    assert run.data.tags["reason"] == loop.turns["not better"].outcome.reason
    assert run.info.status == "FINISHED"
    assert loop.run("better").data.tags["verdict"] == "promote"


def test_the_alias_has_moved_and_the_way_back_is_kept(loop: Loop) -> None:
    champion = registry.champion()
    assert champion is not None
    assert champion.version == 2
    assert champion.run_id == loop.turns["better"].outcome.run_id
    assert registry.previous() == 1


def test_a_registered_version_is_whole(loop: Loop, tmp_path: Path) -> None:
    folder = registry.fetch(2, tmp_path / "fetched")
    manifest = verify(folder)
    assert manifest.window.samples == 8_000
    assert {REFERENCE, "report.json", "detector.onnx", "calibration.json"} <= set(manifest.files)
    assert not [path for path in folder.rglob("*") if path.suffix in {".pkl", ".pt", ".pth"}]
    version = registry.version(2)
    assert version.tags["dataset"] == loop.facts["dataset"]
    assert version.tags["cycle"] == loop.turns["better"].outcome.cycle_id


def test_a_stage_whose_inputs_did_not_change_does_not_run_again(loop: Loop) -> None:
    better, anew, again = (loop.turns[name] for name in ("better", "not better", "overtaken"))
    assert (better.ran(), better.cached()) == (list(STAGES[1:]), ["prepare"])
    # the same weights as in the first cycle, reported beside another champion
    assert (anew.ran(), anew.cached()) == (
        ["train", "adversarial", "evaluate"],
        ["prepare", "export"],
    )
    # the champion, dataset and parameters of the second cycle
    assert (again.ran(), again.cached()) == ([], list(STAGES))


def test_a_workspace_holds_the_champion_that_the_cycle_began_with(loop: Loop) -> None:
    champion = loop.workspace("better") / "pipeline" / "champion" / "detector"
    first = loop.workspace("first") / "pipeline" / "registered"
    assert read_manifest(champion) == read_manifest(first)
    assert not (loop.workspace("first") / "pipeline" / "champion" / "detector").exists()


def test_a_workspace_holds_the_code_of_the_stages_and_no_research(loop: Loop) -> None:
    code = loop.workspace("better") / "flows"
    assert (code / "stages.py").is_file()
    assert not (code / "lab").exists()
    assert not (code / "demo").exists()


def test_the_source_tree_is_not_dirtied(loop: Loop) -> None:
    assert loop.facts["project after"] == loop.facts["project before"]


def test_a_run_shows_each_epoch_and_the_whole_of_its_origin(loop: Loop) -> None:
    run = loop.run("better")
    epochs = connect(settings()).get_metric_history(run.info.run_id, "train/dev_eer")
    assert [metric.step for metric in epochs] == [1, 2]
    assert run.data.params["fine_tuning.epochs"] == "2"
    assert run.data.metrics["pooled.eer"] == loop.turns["better"].outcome.verdict["eer_candidate"]
    assert run.data.tags["dataset"] == loop.facts["dataset"]
    assert run.data.tags["lock_sha256"] == file_hash(PROJECT / "requirements.lock")
    assert run.data.tags["code_commit"].removesuffix("-dirty").isalnum()
    assert run.data.tags["triggers"] == "manual"
    (training_data,) = run.inputs.dataset_inputs
    assert training_data.dataset.digest == loop.facts["dataset"][:36]
    artifacts = {item.path for item in connect(settings()).list_artifacts(run.info.run_id)}
    assert {"verdict.json", "evaluation", "detector", "dvc.lock", "params.yaml"} <= artifacts


def test_a_request_while_another_cycle_runs_waits(loop: Loop) -> None:
    behind = loop.turns["behind"]
    assert behind.outcome.outcome == "waits"
    assert loop.facts["waiting"] == ["asked for meanwhile"]
    assert (behind.ran(), behind.cached()) == ([], [])


def test_several_requests_become_one_cycle(loop: Loop) -> None:
    run = loop.run("not better")
    assert run.data.tags["triggers"] == "drift, manual, schedule"
    assert ledger.waiting_requests(loop.database) == []
    assert "asked for meanwhile; cm_score has moved; the schedule says so" in " ".join(
        loop.turns["not better"].messages
    )


def test_a_failing_step_closes_the_cycle_and_the_next_one_runs(loop: Loop) -> None:
    broken: Cycle = loop.facts["broken"]
    assert isinstance(loop.turns["broken"].error, CommandError)
    assert (broken.outcome, broken.running) == ("failed", None)
    reason = (broken.summary or {})["reason"]
    assert "failed to reproduce 'train': cnn-lstm: no option named 'width'" in reason
    run = connect(settings()).search_runs(
        [connect(settings()).get_experiment_by_name("antiphon").experiment_id],
        f"tags.cycle = '{broken.id}'",
    )[0]
    assert run.info.status == "FAILED"
    assert loop.turns["overtaken"].outcome is not None


def test_an_alias_moved_by_hand_is_compared_again_and_respected(loop: Loop) -> None:
    overtaken = loop.turns["overtaken"]
    assert any("comparing again" in line for line in overtaken.messages)
    assert (overtaken.outcome.outcome, overtaken.outcome.champion) == ("rejected", 2)
    assert overtaken.outcome.verdict["difference"] == 0
    champion = registry.champion()
    assert champion is not None
    assert champion.version == 2


def test_a_gain_that_cannot_be_proven_runs_in_shadow(loop: Loop) -> None:
    outcome, challenger = loop.turns["in shadow"].outcome, loop.facts["challenger"]
    assert (outcome.outcome, outcome.champion) == ("shadow", 1)
    assert (challenger.version, challenger.run_id) == (outcome.version, outcome.run_id)
    assert challenger.tags["verdict"] == "shadow"
    assert challenger.tags["shadow_champion"] == "1"
    assert outcome.rollout.startswith(f"version {outcome.version} runs in shadow of version 1")
    assert loop.run("in shadow").data.tags["verdict"] == "shadow"


def test_the_ledger_tells_what_came_of_each_cycle(loop: Loop) -> None:
    for name in ("first", "better", "not better", "overtaken", "in shadow"):
        cycle, outcome = loop.cycle(name), loop.turns[name].outcome
        assert cycle.outcome == outcome.outcome
        assert cycle.summary == outcome.model_dump(mode="json")
    assert ledger.running_cycle(loop.database) is None


def test_every_step_of_a_cycle_is_in_the_audit_log(loop: Loop) -> None:
    rows = audit.rows(loop.database)
    by_cycle = {
        name: [row.event for row in rows if row.actor == f"cycle {loop.cycle(name).id}"]
        for name in ("first", "better", "not better", "overtaken")
    }
    promoted = ["verdict", "registration", "promotion", "roll-out"]
    assert by_cycle["first"] == by_cycle["better"] == promoted
    assert by_cycle["not better"] == ["verdict"]
    # judged against the first champion, registered, overtaken, judged against the second
    assert by_cycle["overtaken"] == ["verdict", "registration", "verdict"]
    here = settings()
    chain = audit.verify(loop.database, open_store(here), trusted_keys(here))
    assert (chain.rows, chain.problems) == (len(rows), ())


@pytest.mark.parametrize("name", ["first", "better", "not better", "overtaken"])
def test_the_evidence_of_a_verdict_lies_with_its_run_and_is_whole(
    loop: Loop, name: str, tmp_path: Path
) -> None:
    run, cycle = loop.run(name), loop.cycle(name)
    assert run_of(cycle.id) == run_of(cycle.id[:8]) == run_of(run.info.run_id) == run.info.run_id
    folder = fetch_artifacts(run.info.run_id, run.data.tags["evidence"], tmp_path / "fetched")
    seal = check_seal(folder, trusted_keys(settings()))
    verdict = json.loads((folder / "verdict.json").read_text())
    assert verdict == loop.turns[name].outcome.verdict
    assert seal.verdict == verdict["verdict"]
    case = json.loads((folder / "case.json").read_text())
    assert case["cycle_id"] == cycle.id
    assert case["dataset"] == loop.facts["dataset"]
    assert {"code", "requirements.lock", "params.yaml", "dvc.lock"} <= set(case["revisions"])
    assert (case["champion"] or {}).get("version") == loop.turns[name].outcome.champion
    page = (folder / "index.html").read_text()
    assert all(request["reason"] in page for request in case["requests"])


def test_the_scores_of_a_candidate_are_those_of_the_gate(loop: Loop) -> None:
    from models.evaluation.metrics.eer import eer

    scores = read_scores(loop.workspace("better") / "pipeline" / "evaluation" / "scores.csv")
    verdict = loop.turns["better"].outcome.verdict
    assert eer(scores.bonafide, scores.spoof) == verdict["eer_candidate"]


def test_a_workspace_is_a_project_in_which_dvc_works(loop: Loop) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "metrics", "show", "--json"],
        cwd=loop.workspace("better"), capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert (
        "pooled" in json.loads(done.stdout)[""]["data"]["pipeline/evaluation/metrics.json"]["data"]
    )
