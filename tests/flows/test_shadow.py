"""A version in shadow: what reviewers say promotes it, drops it, or time does."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from sqlalchemy import Engine, update

from flows.rollout.rollout import RolloutState, hand_over, run_in_shadow
from infra import audit, field_samples, ledger, registry, shadows, tracking
from infra.database import open_database, reading, session
from infra.field_samples import SampleState
from infra.settings import settings
from infra.shadows import ShadowTerms
from infra.tables import FieldSample, ScoredRequest, ShadowLook, ShadowScore
from models.params.promotion import PromotionParams
from models.params.window import WindowParams

pytestmark = pytest.mark.slow
PROJECT = Path(__file__).resolve().parents[2]
WINDOW = WindowParams(samples=8_000, hop=4_000)
RULES = PromotionParams()


@dataclass
class Trial:
    """A champion, a challenger, and the tables that their traffic fills."""

    database: Engine
    make: Callable[[float], int]  # registers a detector whose scores are so much above silence
    ids: Iterator[int] = field(default_factory=itertools.count)

    def begin(self, rules: PromotionParams = RULES) -> ShadowTerms:
        """Version 1 is the champion, version 2 runs in its shadow."""
        champion, challenger = self.make(1.0), self.make(-1.0)
        registry.set_champion(champion, expected=None)
        assert run_in_shadow(challenger, champion, rules) is not None
        return self.shadow()

    def shadow(self) -> ShadowTerms:
        version = registry.challenger()
        assert version is not None
        shadow = ShadowTerms.of(version)
        assert shadow is not None
        return shadow

    def hear(self, champion: str, challenger: str, count: int, **columns: Any) -> list[str]:
        """Answered requests on which both said so."""
        ids = [str(uuid.uuid4()) for _ in range(count)]
        with session(self.database) as opened:
            opened.add_all([self._request(name, champion, **columns) for name in ids])
            opened.flush()
            opened.add_all([_shadow_score(name, challenger) for name in ids])
        return ids

    def _request(self, name: str, verdict: str, **columns: Any) -> ScoredRequest:
        number = next(self.ids)
        values: dict[str, Any] = {
            "request_id": name, "scored_at": datetime.now(UTC), "model_version": 1,
            "cm_score": 0.0, "spoof_probability": 0.5, "verdict": verdict, "threshold": 0.5,
            "duration_s": 1.0, "windows": 1, "features": {}, "embedding_sketch": [],
            "audio_sha256": hashlib.sha256(f"{number}".encode()).hexdigest(),
            "audio_key": f"recordings/2026-11-21/{name}.wav",
            "speaker_id": f"s{number}",
        }  # fmt: skip
        return ScoredRequest(**{**values, **columns})

    def review(self, truth: str) -> int:
        """Give every recording that waits for reviewers its label; how many there were."""
        waiting = field_samples.list_samples(self.database, SampleState.FLAGGED)
        for sample in waiting:
            field_samples.start_review(self.database, sample.id, "berta")
            if sample.claimed_label == truth:
                field_samples.accept(self.database, sample.id, "berta", truth)
            else:
                field_samples.reject(self.database, sample.id, "berta")
        return len(waiting)

    def looks(self) -> list[ShadowLook]:
        with reading(self.database) as opened:
            return list(opened.query(ShadowLook).order_by(ShadowLook.id))


def _shadow_score(name: str, verdict: str) -> ShadowScore:
    return ShadowScore(
        request_id=name, model_version=2, scored_at=datetime.now(UTC), cm_score=0.0,
        verdict=verdict, threshold=0.5,
    )  # fmt: skip


def watch() -> Any:
    """One look, as a process of its own would take it, but without a Prefect server."""
    from flows.shadow import shadow_watch

    return shadow_watch.fn()


def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture
def trial(
    mlflow_state: Path, make_detector: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Trial]:
    params = mlflow_state / "params.yaml"
    params.write_text("promotion: {shadow_reviews: 40}\n")
    monkeypatch.setenv("ANTIPHON_PARAMS_FILE", str(params))
    monkeypatch.setenv("ANTIPHON_ENDPOINT_PORT", str(port()))
    monkeypatch.setenv("ANTIPHON_FOLLOW_INTERVAL_S", "0.2")
    numbers = itertools.count(1)

    def make(bias: float) -> int:
        name = str(next(numbers))
        folder = make_detector(mlflow_state / "made" / name, bias, WINDOW)
        return registry.register(folder, tracking.open_run(name, name, {}), {}).version

    database = open_database(settings().database_url)
    yield Trial(database, make)
    database.dispose()


def tags(version: int) -> dict[str, str]:
    return dict(registry.version(version).tags)


def version_of(version: Any) -> int | None:
    return version.version if version else None


def test_labels_for_the_challenger_make_it_the_champion(trial: Trial) -> None:
    trial.begin()
    trial.hear("bonafide", "bonafide", 40)
    trial.hear("bonafide", "spoof", 30)
    assert (watch().waiting, trial.review("spoof")) == (30, 30)
    state = watch()
    assert state.state == "ended"
    assert "version 2 is the champion: 30 labels where version 2 and version 1" in state.sentence
    assert (version_of(registry.champion()), registry.previous()) == (2, 1)
    assert registry.challenger() is None
    assert tags(2)["verdict"] == "promoted"
    assert [look.decision for look in trial.looks()] == ["promote"]
    events = [(row.event, row.actor) for row in audit.rows(trial.database)]
    assert [event for event, _ in events] == ["shadow-start", "promotion", "roll-out", "shadow-end"]
    assert {actor for _, actor in events[1:]} == {"shadow-watch, look 1"}
    assert watch().state == "no challenger"


def test_labels_against_the_challenger_drop_it(trial: Trial) -> None:
    trial.begin()
    trial.hear("bonafide", "bonafide", 10)
    trial.hear("spoof", "spoof", 40)
    trial.hear("bonafide", "spoof", 30)
    watch()
    trial.review("bonafide")
    assert watch().sentence.startswith("version 2 is dropped: 30 labels")
    assert (version_of(registry.champion()), registry.challenger()) == (1, None)
    assert tags(2)["verdict"] == "dropped"


def test_labels_that_say_little_let_it_go_on(trial: Trial) -> None:
    trial.begin()
    trial.hear("bonafide", "bonafide", 40)
    trial.hear("bonafide", "spoof", 2)
    watch()
    trial.review("spoof")
    state = watch()
    assert (state.state, state.labels, state.observations, state.waiting) == ("in shadow", 2, 2, 0)
    assert 1 < state.e_value < state.needed == pytest.approx(1 / RULES.shadow_level)
    again = watch()
    assert (again.labels, again.e_value) == (2, state.e_value), "a label counts once"
    assert [look.decision for look in trial.looks()] == ["go on"]


def test_time_drops_it(trial: Trial) -> None:
    trial.begin(PromotionParams(shadow_days=0.0))
    trial.hear("bonafide", "spoof", 3)
    state = watch()
    assert "its time ran out: 0 labels" in state.sentence
    assert (registry.challenger(), tags(2)["verdict"]) == (None, "dropped")
    assert "its time ran out" in tags(2)["shadow_end"]


def test_a_champion_moved_by_hand_drops_what_was_compared_with_another(trial: Trial) -> None:
    trial.begin()
    third = trial.make(2.0)
    registry.set_champion(third, expected=1)
    state = watch()
    assert "it was compared with version 1; the champion is version 3 now" in state.sentence
    assert (version_of(registry.champion()), registry.challenger()) == (3, None)


def test_while_a_cycle_rolls_out_a_moved_champion_is_not_final(trial: Trial) -> None:
    trial.begin()
    ledger.request_cycle(trial.database, "manual", "by hand")
    cycle = ledger.claim_cycle(trial.database, lease_s=300)
    assert cycle is not None
    registry.set_champion(trial.make(2.0), expected=1)
    assert watch().state == "in shadow"
    ledger.finish(trial.database, cycle, "promoted", {})
    assert watch().state == "ended"


def test_a_promotion_makes_an_older_challenger_go(trial: Trial) -> None:
    trial.begin()
    rollout = hand_over(trial.make(2.0), champion=1)
    assert rollout is not None and rollout.state is RolloutState.ABSENT
    assert registry.challenger() is None
    assert tags(2)["shadow_end"] == "version 3 became the champion meanwhile"


def test_a_cycle_with_that_verdict_ends_in_shadow_and_says_so(trial: Trial) -> None:
    from flows import tasks
    from flows.cycle import Candidate, Champion
    from flows.gate_loop import GateResult
    from models.promotion import Decision, Verdict

    registry.set_champion(trial.make(1.0), expected=None)
    ledger.request_cycle(trial.database, "manual", "by hand")
    cycle = ledger.claim_cycle(trial.database, lease_s=300)
    assert cycle is not None
    version, champion = trial.make(-1.0), Champion(1, Path())
    rollout = tasks.run_in_shadow.fn(cycle, RULES, version, champion)
    verdict = Verdict(Decision.SHADOW, "the gain is plausible")
    candidate = Candidate("run", "dataset", Path())
    result = GateResult(champion, verdict, version, rollout)
    outcome = tasks.conclude.fn(cycle, candidate, result)
    (ended,) = ledger.recent_cycles(trial.database)
    assert (outcome.outcome, ended.outcome, outcome.version) == ("shadow", "shadow", 2)
    assert (outcome.rollout or "").startswith("version 2 runs in shadow of version 1 until")
    assert (ended.summary or {})["reason"] == "the gain is plausible"
    assert [row.actor for row in audit.rows(trial.database)] == [f"cycle {cycle.id}"]


def test_a_newer_shadow_takes_the_place_of_the_older_and_says_so(trial: Trial) -> None:
    older = trial.begin()
    rollout = run_in_shadow(trial.make(-2.0), 1, RULES)
    assert rollout is not None
    assert rollout.sentence.endswith("UTC, in the place of version 2")
    assert (tags(2)["verdict"], tags(3)["verdict"]) == ("dropped", "shadow")
    assert trial.shadow().id != older.id


def test_a_shadow_of_another_champion_is_compared_again(trial: Trial) -> None:
    registry.set_champion(trial.make(1.0), expected=None)
    assert run_in_shadow(trial.make(-1.0), champion=7, rules=RULES) is None
    assert registry.challenger() is None


def test_reviewers_are_asked_about_disagreements_alone_and_few_at_once(trial: Trial) -> None:
    trial.begin()
    trial.hear("spoof", "spoof", 5)
    trial.hear("bonafide", "spoof", 60)
    trial.hear("spoof", "bonafide", 2, audio_key=None)
    assert watch().waiting == 60
    samples = field_samples.list_samples(trial.database)
    assert len(samples) == 40, "as many as params say"
    claims = [sample.claimed_label for sample in samples]
    assert claims.count("spoof") in range(10, 31), "no detector is always the claim"
    comment = samples[0].comment or ""
    assert comment.startswith("version 1 says bonafide, version 2 in shadow says")
    trial.review("spoof")
    watch()
    assert len(field_samples.list_samples(trial.database, SampleState.FLAGGED)) in (0, 20)


def test_a_flag_of_a_later_recording_waits_for_the_earlier_ones(trial: Trial) -> None:
    trial.begin()
    trial.hear("bonafide", "bonafide", 40)
    *_, last = trial.hear("bonafide", "spoof", 30)
    sample = field_samples.flag(trial.database, last, "spoof")
    field_samples.start_review(trial.database, sample.id, "berta")
    field_samples.accept(trial.database, sample.id, "berta", "spoof")
    assert (watch().labels, trial.looks()) == (0, [])
    trial.review("spoof")
    assert watch().state == "ended"


def test_recordings_that_came_with_a_claim_tell_nothing(trial: Trial) -> None:
    trial.begin()
    trial.hear("bonafide", "bonafide", 40)
    for name in trial.hear("bonafide", "spoof", 30, audio_key=None):
        sample = field_samples.flag(trial.database, name, "spoof", audio_key=f"flagged/{name}.wav")
        field_samples.start_review(trial.database, sample.id, "berta")
        field_samples.accept(trial.database, sample.id, "berta", "spoof")
    state = watch()
    assert (state.state, state.labels, state.waiting) == ("in shadow", 0, 0)


def test_an_alias_set_by_hand_listens_and_is_not_decided_about(trial: Trial) -> None:
    registry.set_champion(trial.make(1.0), expected=None)
    registry.set_challenger(trial.make(-1.0), 1, {})
    assert watch().state == "without a verdict"
    assert version_of(registry.challenger()) == 2


def test_a_version_that_fails_its_golden_vectors_is_not_promoted(
    trial: Trial, mlflow_state: Path, make_detector: Callable[..., Path]
) -> None:
    from models.files.manifest import GRAPH, read_manifest, write_manifest

    trial.begin()
    (files,) = [p.parent for p in mlflow_state.glob("artifacts/**/manifest.json")][1:] or [None]
    other = make_detector(mlflow_state / "other", 3.0, WINDOW)
    folder = Path(registry.version(2).source.removeprefix("file://"))
    assert files is not None
    (folder / GRAPH).write_bytes((other / GRAPH).read_bytes())
    write_manifest(folder, read_manifest(folder))
    trial.hear("bonafide", "bonafide", 40)
    trial.hear("bonafide", "spoof", 30)
    watch()
    trial.review("spoof")
    assert "it fails its golden vectors" in watch().sentence
    assert (version_of(registry.champion()), registry.challenger()) == (1, None)


def test_two_processes_that_look_at_once_decide_once(trial: Trial) -> None:
    trial.begin()
    trial.hear("bonafide", "bonafide", 40)
    trial.hear("bonafide", "spoof", 30)
    watch()
    trial.review("spoof")
    source = """
from flows.shadow import shadow_watch
print("ready", flush=True)
input()
print(shadow_watch.fn().model_dump_json())
"""
    environment = {**os.environ, **settings().environment(), "PYTHONPATH": str(PROJECT)}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", source], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in both:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=200) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    states = sorted(json.loads(out.splitlines()[-1])["state"] for out, _ in outputs)
    assert states in (["ended", "in shadow"], ["ended", "no challenger"]), states
    (look,) = trial.looks()
    assert look.decision == "promote" and look.acted_at is not None
    assert (version_of(registry.champion()), registry.previous()) == (2, 1)


def test_a_decision_whose_process_died_is_carried_out_by_the_next(trial: Trial) -> None:
    trial.begin(PromotionParams(shadow_days=0.0))
    watch()
    registry.set_challenger(2, 1, {})  # as if the alias had not been taken away yet
    began = datetime.now(UTC) - timedelta(seconds=settings().lease_s / 2)
    undone = update(ShadowLook).values(acted_at=None, acting_since=began)
    with session(trial.database) as opened:
        opened.execute(undone)
    assert shadows.claim_decision(trial.database, settings().lease_s) is None, "it may be alive"
    with session(trial.database) as opened:
        opened.execute(undone.values(acting_since=began - timedelta(seconds=settings().lease_s)))
    watch()
    assert registry.challenger() is None
    assert trial.looks()[0].acted_at is not None


def test_from_live_traffic_to_the_new_champion(trial: Trial, tmp_path: Path) -> None:
    """The endpoint as it runs: the champion calls all bona fide, the challenger what is loud."""
    champion, challenger = trial.make(5.0), trial.make(0.5 - 0.003)
    registry.set_champion(champion, expected=None)
    here = settings()
    address = f"http://{here.endpoint_host}:{here.endpoint_port}"
    log = (tmp_path / "endpoint.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "serving.launch"],
        cwd=PROJECT,
        env={**os.environ, **here.environment(), "PYTHONPATH": str(PROJECT)},
        stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    try:
        with httpx.Client(base_url=address, timeout=30.0) as client:
            wait_for(lambda: answers(client, "/readyz"))
            assert run_in_shadow(challenger, champion, RULES) is not None
            wait_for(lambda: (client.get("/model").json()["challenger"] or {}).get("version"))
            documents = [call(client, tmp_path, number) for number in range(60)]
            assert {document["verdict"] for document in documents} == {"bonafide"}
            wait_for(lambda: count(trial.database, ShadowScore) == 60)
            assert watch().waiting == 30
            trial.review("spoof")
            assert "the endpoint answers with version 2" in watch().sentence
            assert call(client, tmp_path, 61)["verdict"] == "spoof"
            model = client.get("/model").json()
            assert model["version"] == 2
            wait_for(lambda: client.get("/model").json()["challenger"] is None)
            assert "antiphon_shadow_scores_total" in client.get("/metrics").text
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def call(client: httpx.Client, folder: Path, number: int) -> dict[str, Any]:
    """Every second caller is loud, the others are quiet."""
    level = 0.3 if number % 2 == 0 else 0.01
    waveform = level * np.random.default_rng(number).standard_normal(12_000)
    soundfile.write(folder / "call.wav", waveform, 16_000)
    form = {"speaker_id": f"s{number}"}
    files = {"audio": ("call.wav", (folder / "call.wav").read_bytes())}
    response = client.post("/score", files=files, data=form)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def answers(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False


def count(database: Engine, table: type[ShadowScore | FieldSample]) -> int:
    with reading(database) as opened:
        return opened.query(table).count()


def wait_for(holds: Callable[[], object]) -> None:
    until = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < until, "not within 120 s"
        time.sleep(0.2)
