"""What whole cycles leave behind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.evidence.sealing import check_seal
from infra import audit, ledger, registry
from infra.artifacts import fetch_artifacts, run_of
from infra.machine.commands import CommandError
from infra.mlflow_client import connect
from infra.settings import settings
from infra.signing import trusted_keys
from infra.storage import open_store
from infra.tables import Cycle
from models.evaluation.metrics.eer import eer
from models.evaluation.scores import read_scores
from models.files.manifest import REFERENCE, file_hash, read_manifest, verify
from tests.flows.cycle_loop import PROJECT, STAGES, Loop, six_cycles

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def loop(
    tmp_path_factory: pytest.TempPathFactory,
    prefect_server: None,  # noqa: ARG001
    migrated_mlflow: Path,
    tone_corpus: Path,
) -> Iterator[Loop]:
    """Six cycles, turned once for all tests."""
    state = tmp_path_factory.mktemp("loop")
    shutil.copy(migrated_mlflow, state / "mlflow.db")
    with six_cycles(state, tone_corpus) as loop:
        yield loop


def test_the_first_champion_is_promoted_below_the_bound(loop: Loop) -> None:
    outcome = loop.turns["first"].outcome
    assert (outcome.outcome, outcome.version, outcome.champion) == ("promoted", 1, None)
    assert outcome.reason.startswith("there is no champion yet")
    assert outcome.dataset == loop.facts["dataset"]
    assert outcome.rollout.startswith("there is no endpoint (ANTIPHON_ENDPOINT=none)")
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


@pytest.mark.parametrize("name", ["first", "better", "not better", "in shadow"])
def test_mlflows_page_describes_each_run_and_its_version(loop: Loop, name: str) -> None:
    outcome, run = loop.turns[name].outcome, loop.run(name)
    verdict, text = outcome.verdict, run.data.tags["mlflow.note.content"]
    assert text.startswith(f"**{verdict['verdict']}**: {verdict['reason']}\n\n")
    assert f"| candidate | {100 * verdict['eer_candidate']:.2f} % |" in text
    assert f"Dataset `{loop.facts['dataset']}`" in text
    place = f"runs/{run.info.run_id}/artifacts/{run.data.tags['evidence']}/index.html"
    assert f"(#/experiments/{run.info.experiment_id}/{place})" in text
    if outcome.champion is not None:
        low, high = (f"{100 * bound:+.2f}" for bound in verdict["interval"])
        assert f"| champion, version {outcome.champion} | " in text
        assert f"points ({low} to {high}, 95 % interval) |" in text
    if outcome.version is not None:
        client = connect(settings())
        version = client.get_model_version(settings().registered_model, str(outcome.version))
        assert version.description == text


def test_the_description_of_a_version_is_that_of_the_last_verdict_on_it(loop: Loop) -> None:
    run = loop.run("overtaken")  # judged against two champions
    client = connect(settings())
    (version,) = client.search_model_versions(f"run_id = '{run.info.run_id}'")
    assert version.description == run.data.tags["mlflow.note.content"]
    assert version.description.startswith("**reject**: ")


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
    assert not (code / "lab").exists() and not (code / "demo").exists()


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


def test_a_cycle_with_the_inputs_of_an_earlier_one_ends_before_it_trains(loop: Loop) -> None:
    unchanged, earlier = loop.turns["unchanged"], loop.cycle("better")
    outcome = unchanged.outcome
    assert (outcome.outcome, outcome.champion, outcome.run_id) == ("unchanged", 1, None)
    assert f"are those of cycle {earlier.id[:8]} of " in outcome.reason
    assert f"which ended as promoted ({loop.turns['better'].outcome.reason})" in outcome.reason
    assert "`antiphon retrain --force` runs it again" in outcome.reason
    assert (unchanged.ran(), unchanged.cached()) == ([], [])
    assert not loop.workspace("unchanged").exists()
    cycle = loop.cycle("unchanged")
    assert (cycle.outcome, cycle.running, cycle.summary["inputs"]) == (
        "unchanged", None, earlier.summary["inputs"]
    )  # fmt: skip


def test_a_question_that_a_forced_cycle_asks_again_gets_the_same_verdict_for_nothing(
    loop: Loop,
) -> None:
    assert loop.facts["spent between"] == loop.facts["spent before"] > 0
    first, second = (
        next(row for row in audit.rows(loop.database) if row.actor == f"cycle {cycle.id}")
        for cycle in (loop.cycle("better"), loop.cycle("overtaken"))
    )
    assert json.loads(first.document)["verdict"] == json.loads(second.document)["verdict"]
    assert json.loads(first.document)["reason"] == json.loads(second.document)["reason"]


def test_a_forced_cycle_runs_although_nothing_has_changed(loop: Loop) -> None:
    assert loop.turns["overtaken"].outcome.outcome == "rejected"
    assert loop.run("overtaken").data.tags["triggers"] == "forced"


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
    for name in ("first", "better", "not better", "unchanged", "overtaken", "in shadow"):
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
    scores = read_scores(loop.workspace("better") / "pipeline" / "evaluation" / "scores.csv")
    verdict = loop.turns["better"].outcome.verdict
    assert eer(scores.bonafide, scores.spoof) == verdict["eer_candidate"]


def test_a_workspace_is_a_project_in_which_dvc_works(loop: Loop) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "metrics", "show", "--json"],
        cwd=loop.workspace("better"), capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    metrics = json.loads(done.stdout)[""]["data"]["pipeline/evaluation/metrics.json"]
    assert "pooled" in metrics["data"]
