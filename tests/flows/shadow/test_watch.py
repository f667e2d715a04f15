"""A version in shadow: what reviewers say promotes it, drops it, or time does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from flows.rollout.rollout import RolloutState, hand_over, run_in_shadow
from infra import audit, field_samples, ledger, registry, shadows
from infra.database import session
from infra.field_samples import SampleState
from infra.settings import settings
from infra.tables import ShadowLook
from models.params.promotion import PromotionParams
from tests.flows.shadow.trials import RULES, WINDOW, Trial, tags, version_of, watch

pytestmark = pytest.mark.slow


def test_labels_for_the_challenger_make_it_the_champion(trial: Trial) -> None:
    trial.begin()
    trial.hear_in_turns(30)
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
    trial.hear_in_turns(30, agreed="spoof")
    watch()
    trial.review("bonafide")
    assert watch().sentence.startswith("version 2 is dropped: 30 labels")
    assert (version_of(registry.champion()), registry.challenger()) == (1, None)
    assert tags(2)["verdict"] == "dropped"


def test_labels_that_say_little_let_it_go_on(trial: Trial) -> None:
    trial.begin()
    trial.hear_in_turns(2)
    watch()
    trial.review("spoof")
    state = watch()
    assert (state.state, state.labels, state.observations, state.waiting) == ("in shadow", 2, 2, 0)
    assert 1 < state.e_value < state.needed == pytest.approx(1 / RULES.shadow_level)
    again = watch()
    assert (again.labels, again.e_value) == (2, state.e_value), "a label counts once"
    assert [look.decision for look in trial.looks()] == ["go on"]


def test_a_caller_who_calls_again_and_again_is_one_observation(trial: Trial) -> None:
    trial.begin()
    trial.hear_in_turns(1)
    for _ in range(12):
        trial.hear("bonafide", "spoof", 3, speaker_id="anna")
        trial.hear("bonafide", "bonafide", 3)
        watch()
        trial.review("spoof")
    state = watch()
    assert (state.state, state.labels, state.observations, state.waiting) == ("in shadow", 2, 2, 0)


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
    from flows.cycle import Candidate, Champion, CycleInputs
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
    inputs = CycleInputs("dataset", champion, "0" * 64)
    outcome = tasks.conclude.fn(cycle, inputs, candidate, result)
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
    *_, last = trial.hear_in_turns(30)
    sample = field_samples.flag(trial.database, last, "spoof")
    field_samples.start_review(trial.database, sample.id, "berta")
    field_samples.accept(trial.database, sample.id, "berta", "spoof")
    assert (watch().labels, trial.looks()) == (0, [])
    trial.review("spoof")
    assert watch().state == "ended"


def test_recordings_that_came_with_a_claim_tell_nothing(trial: Trial) -> None:
    trial.begin()
    trial.hear("bonafide", "bonafide", 30)
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
    trial.hear_in_turns(30)
    watch()
    trial.review("spoof")
    assert "it fails its golden vectors" in watch().sentence
    assert (version_of(registry.champion()), registry.challenger()) == (1, None)


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
