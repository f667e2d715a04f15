"""A detector folder before the gate: with a real registry, on real speech."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
import typer
from typer.testing import CliRunner, Result

from flows.commands import registry as commands
from flows.evidence.sealing import check_seal
from infra import audit, registry
from infra.database import open_database
from infra.mlflow_client import connect
from infra.settings import settings
from infra.signing import trusted_keys
from models.detectors import build_detector
from models.errors import InputError
from models.files.manifest import CALIBRATION, GRAPH, POLICIES, REFERENCE, verify
from models.packaging.checkpoint import save_detector
from models.params.window import WindowParams

app = typer.Typer()
app.command()(commands.register)
app.command()(commands.champion)

NARROW = {"form": "cnn", "widths": [4, 4, 4], "units": 8}  # its graph is written at once
OF_A_KIND = 6  # utterances of each class in each partition


@pytest.fixture(scope="module", autouse=True)
def _places(tmp_path_factory: pytest.TempPathFactory, migrated_mlflow: Path) -> Iterator[None]:
    """One registry for the module."""
    folder = tmp_path_factory.mktemp("places")
    (folder / "state").mkdir()
    shutil.copy(migrated_mlflow, folder / "state" / "mlflow.db")
    before = dict(os.environ)
    os.environ["ANTIPHON_STATE_DIR"] = str(folder / "state")
    os.environ["ANTIPHON_PARAMS_FILE"] = str(folder / "params.yaml")
    os.environ["ANTIPHON_ENDPOINT"] = "none"
    (folder / "params.yaml").write_text(
        "promotion: {first_champion_max_eer: 1.0, resamples: 100}\n"
    )
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def corpus(shared: Path, tmp_path: Path) -> Path:
    """A few utterances of dev and eval."""
    source, folder = shared / "corpus", tmp_path / "corpus"
    with (source / "protocol.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["partition"] != "train"]
    by_kind: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        kind = by_kind.setdefault((row["partition"], row["label"]), [])
        if len(kind) < OF_A_KIND:
            kind.append(row)
            (folder / row["path"]).parent.mkdir(parents=True, exist_ok=True)
            (folder / row["path"]).symlink_to(source / row["path"])
    with (folder / "protocol.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(row for kind in by_kind.values() for row in kind)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A narrow detector, at first without a graph."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("detector") / "weights"
    save_detector(build_detector("cnn-lstm", NARROW), folder, WindowParams(8000, 8000))
    return folder


def register(weights: Path, corpus: Path, *options: str) -> Result:
    arguments = ["--weights", str(weights), "--protocol", "antiphon", "--root", str(corpus)]
    return CliRunner().invoke(app, ["register", *arguments, *options], catch_exceptions=False)


@pytest.mark.slow
def test_a_detector_in_hand_faces_the_gate_that_a_candidate_faces(
    weights: Path, corpus: Path, tmp_path: Path
) -> None:
    first = register(weights, corpus)
    assert first.exit_code == 0
    assert first.stdout.startswith("promote: there is no champion yet")
    assert "registered as version 1" in first.stdout
    assert "there is no endpoint" in first.stdout

    champion = registry.champion()
    assert champion is not None
    assert champion.version == 1
    folder = registry.fetch(1, tmp_path / "fetched")
    assert {GRAPH, CALIBRATION, POLICIES, REFERENCE, "report.json"} <= set(verify(folder).files)
    assert len(pd.read_parquet(folder / REFERENCE)) == 2 * OF_A_KIND
    assert {path.name for path in weights.iterdir()} == {
        "manifest.json",
        "weights.safetensors",
        GRAPH,
        "golden.npz",
    }

    again = register(weights, corpus, "--json")
    assert again.exit_code == 1
    document = json.loads(again.stdout)
    assert document["verdict"] == "reject"
    assert (document["champion"], document["version"], document["rollout"]) == (1, None, None)
    assert document["difference"] == 0
    run = connect(settings()).get_run(document["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.tags["verdict"] == "rejected"
    assert run.data.tags["reason"] == document["reason"]
    assert run.data.params["promotion.resamples"] == "100"
    assert run.data.metrics["pooled.eer"] == document["eer_candidate"]
    assert registry.champion() == champion
    assert not list(settings().state_dir.glob("register-*"))
    what_was_done_is_kept(document["run_id"])


def what_was_done_is_kept(run_id: str) -> None:
    """The rows of both calls, and the evidence of the second."""
    rows = audit.rows(open_database(settings().database_url))
    assert [row.event for row in rows] == [
        "verdict", "registration", "promotion", "roll-out", "verdict",
    ]  # fmt: skip
    document = json.loads(rows[-1].document)
    assert (document["run"], document["verdict"], document["champion"]) == (run_id, "reject", 1)
    folder = settings().state_dir / document["evidence"]
    seal = check_seal(folder, trusted_keys(settings()))
    assert (seal.run_id, seal.manifest_sha256) == (run_id, document["manifest_sha256"])
    case = json.loads((folder / "case.json").read_text())
    assert case["champion"]["version"] == 1
    assert case["champion"]["run_id"] == json.loads(rows[0].document)["run"]
    assert (case["requests"][0]["trigger"], case["cycle_id"]) == ("register", None)


def test_a_corpus_without_dev_is_refused_before_a_run_begins(weights: Path, corpus: Path) -> None:
    protocol = corpus / "protocol.csv"
    protocol.write_text(protocol.read_text().replace(",dev,", ",train,"))
    before = runs()
    with pytest.raises(InputError, match="no dev trials in antiphon"):
        register(weights, corpus)
    assert runs() == before


def runs() -> int:
    """How many runs MLflow knows."""
    client = connect(settings())
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return len(client.search_runs(experiments))
