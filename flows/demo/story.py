"""One turn of the loop on real speech, from the first champion to the second."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flows.cycle import CycleRequest
from flows.demo import cycles
from flows.demo.corpora.demo import fetch_demo
from flows.demo.corpora.orders import SIZES
from flows.demo.corpora.own_folders import build_from_folders
from flows.demo.stage import Stage, set_stage, use_aasist
from flows.demo.telling import Telling, percent
from flows.demo.traffic import CallAnswer, DemoCaller
from flows.fronts.fetch import fetch
from flows.places import current_params, engine
from flows.servers.local import endpoint, running, wait_until_healthy
from infra import field_samples
from infra.datasets.registry import DatasetRegistry
from infra.errors import UnreachableError
from infra.field_samples import OPEN, SampleState
from models.data.dataset import count_classes
from models.data.protocols.reading import read_protocol
from models.errors import InputError
from models.trials import Label, Trial

SIZE, SEED = "full", 2026


def tell(facts: Path | None, bonafide: Path | None, spoof: Path | None) -> None:
    """Run the demo; stops every server if a step fails."""
    stage = set_stage()
    logging.getLogger("antiphon").setLevel(logging.WARNING)
    story = Telling()
    traffic = _corpus(story, stage, bonafide, spoof)
    _fronts(story, stage)
    _first_champion(story)
    with _endpoint(story, stage) as client:
        answers = _hear(story, client, traffic)
        _see_drift(story)
        labelled = _review(story, client, answers)
        tally = cycles.both_cycles(story, client, traffic, labelled)
    cycles.swap(story, tally)
    _end(story, stage)
    story.write(facts)


def _corpus(
    story: Telling, stage: Stage, bonafide: Path | None, spoof: Path | None
) -> tuple[Trial, ...]:
    """Build the corpus, make it a dataset version, and return the traffic."""
    story.act("1. Real speech")
    with story.waiting("recordings and synthesisers"):
        _build(stage, bonafide, spoof)
    base = read_protocol("antiphon", stage.corpus / "base")
    traffic = read_protocol("antiphon", stage.corpus / "traffic")
    revision = DatasetRegistry.of(stage.here).put_corpus("base", stage.corpus / "base", "Put base")
    counts = count_classes(base.trials)
    story.say(
        f"{counts.pop('bonafide')} human recordings, and spoofs: "
        + ", ".join(f"{count} {attack}" for attack, count in counts.items())
        + f". Dataset version {revision[:10]}."
    )
    story.keep(corpus=count_classes(base.trials), traffic=count_classes(traffic.trials))
    return traffic.trials


def _build(stage: Stage, bonafide: Path | None, spoof: Path | None) -> None:
    if bonafide is not None and spoof is not None:
        build_from_folders(stage.corpus, bonafide, spoof, None, SEED)
    elif bonafide is None and spoof is None:
        fetch_demo(stage.corpus, stage.cache, SIZES[SIZE], SEED)
    else:
        raise InputError("--bonafide and --spoof belong together: give both folders or none")


def _fronts(story: Telling, stage: Stage) -> None:
    """Fetch the published weights that the detector starts from; without them, take AASIST."""
    names = current_params().pretrained
    try:
        with story.waiting(f"weights of {' and '.join(names)}"):
            for name in names:
                fetch(name, stage.cache)
    except UnreachableError as error:
        story.say(f"{error}. Until then, this demo trains a narrow AASIST.")
        use_aasist(stage)
    story.keep(detector=current_params().detector.name)


def _first_champion(story: Telling) -> None:
    from flows.retrain import retraining_cycle  # Prefect: not before its settings

    story.act("2. The first champion")
    with story.waiting("train, harden, export, evaluate"):
        outcome = retraining_cycle(CycleRequest(reason="there is no champion yet"))
    verdict = outcome.verdict or {}
    story.say(f"{outcome.outcome.capitalize()}: {outcome.reason}")
    if outcome.version is None:
        raise SystemExit(1)
    story.say(f"Version {outcome.version} has an EER of {percent(verdict['eer_candidate'])}.")
    story.keep(champion={"version": outcome.version, "eer": verdict["eer_candidate"]})


@contextmanager
def _endpoint(story: Telling, stage: Stage) -> Iterator[DemoCaller]:
    """The BentoML endpoint in its own process, once it answers."""
    story.act("3. The endpoint")
    server = endpoint(stage.here)
    ready = replace(server, health=f"{server.page}/readyz")
    with running([ready], stage.here.state_dir / "logs") as started:
        with story.waiting("BentoML starts and loads the champion"):
            wait_until_healthy(started, lambda _: None)
        os.environ["ANTIPHON_ENDPOINT"] = server.page  # the second champion is to be confirmed
        client = DemoCaller(server.page)
        try:
            yield client
        finally:
            client.close()


def _hear(story: Telling, client: DemoCaller, traffic: Sequence[Trial]) -> list[CallAnswer]:
    """Send a window of known kinds, then the new attack; return the answers to the latter."""
    familiar = [trial for trial in traffic if trial.extra.get("release") == "0"]
    new = [trial for trial in traffic if trial.extra.get("release") != "0"]
    story.act("4. Traffic")
    with story.waiting(f"{len(familiar)} calls of kinds the champion knows"):
        quiet = client.score_all(familiar, lambda: None)
    result = _look(story)
    story.keep(quiet={"requests": len(quiet), "status": result["status"]})
    name = new[0].attack_id
    with story.waiting(f"{len(new)} calls by {name}, an unseen attack"):
        answers = client.score_all(new, lambda: None)
    answered = [answer for answer in answers if answer.body]
    passed = sum(answer.body["verdict"] == Label.BONAFIDE for answer in answered if answer.body)
    story.say(f"{passed} of {len(answered)} {name} calls passed as bona fide.")
    story.keep(new_attack={"name": name, "calls": len(answered), "passed_as_bonafide": passed})
    return answered


def _see_drift(story: Telling) -> None:
    story.act("5. Drift")
    result = _look(story)
    for reason in result["report"]["reasons"]:
        story.say(f"  {reason}")
    story.say(f"  {result['note']}" if result["note"] else "The check requested nothing.")
    story.keep(drift={"status": result["status"], "reasons": result["report"]["reasons"]})


def _look(story: Telling) -> dict[str, Any]:
    from flows.monitor import monitoring_check  # Prefect: not before its settings

    with story.waiting("Evidently compares the window with the champion's reference"):
        result = monitoring_check().model_dump()
    story.say(f"Drift check: {result['status']}.")
    return result


def _review(story: Telling, client: DemoCaller, answers: Sequence[CallAnswer]) -> float:
    """Flag the calls over HTTP; a reviewer with the true labels accepts the claims.

    Returns the moment of the last label, on the clock of `time.monotonic`.
    """
    story.act("6. Review")
    for answer in answers:
        client.flag(answer)
    database = engine()
    for sample in field_samples.list_samples(database):
        claim, attack_id = sample.claimed_label, sample.claimed_attack_id
        if sample.state not in OPEN or claim is None:
            continue  # nobody has claimed anything
        field_samples.start_review(database, sample.id, "demo")
        field_samples.accept(database, sample.id, "demo", claim, attack_id)
    labelled = time.monotonic()
    accepted = field_samples.list_samples(database, SampleState.ACCEPTED)
    story.say(f"{len(accepted)} calls were flagged, reviewed and accepted as field samples.")
    story.keep(accepted=len(accepted))
    if _look(story)["requested"]:
        story.say("The check requested a fast cycle, now that it has labels to learn from.")
    return labelled


def _end(story: Telling, stage: Stage) -> None:
    here = stage.here
    story.act("Next steps")
    story.say(f"  export ANTIPHON_STATE_DIR={_relative(here.state_dir)}")
    story.say(f"  export ANTIPHON_PARAMS_FILE={_relative(here.params_file)}")
    story.say("  .venv/bin/antiphon cycles     # the cycles, their requests and outcomes")
    story.say("  .venv/bin/antiphon up         # until Ctrl-C:")
    for name, port in (
        ("console", 8080),
        ("MLflow", 5000),
        ("Prefect", 4200),
        ("endpoint", 3000),
        ("Evidently", 8000),
    ):
        story.say(f"      {name:<10} http://127.0.0.1:{port}")
    story.say("  .venv/bin/antiphon rollback   # meanwhile: the previous champion serves again")
    story.say("Or only the pages of what has just happened, at " + here.console_address + ":")
    story.say(f"  .venv/bin/antiphon console --state {_relative(here.state_dir)}")


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
