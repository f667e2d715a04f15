"""The story of the product in a real browser: an attack nobody knew, until it is caught.

Everything is what a person starts and uses: `antiphon up`, the endpoint, `antiphon monitor`, and
the console's pages in Chromium, on real speech.
"""

from __future__ import annotations

import csv
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from flows.demo.traffic import CallAnswer, DemoCaller
from infra.database import open_database, reading
from infra.tables import FieldSample
from models.data.protocols.reading import read_protocol
from models.trials import Label, Trial
from tests.flows.running_platform import own_environment_of, running_platform

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1200)]

NEW = "svox_pico"  # an attack of the corpus that no champion has heard at first
WINDOW = 80  # requests
PATIENCE_S = 600.0
PARAMS = {
    "detector": {"name": "spectrum", "options": {}},
    "augmentation": {},
    "evaluation": {"attacked_trials": 0},
    "evaluation_sets": {"adversarial": {"trials": 0}},
    "promotion": {
        "first_champion_max_eer": 0.5,
        "resamples": 500,
        "min_trials": 5,
        "min_clusters": 2,
        "margins": {"cllr": 10.0, "act_dcf": 10.0, "operating_point": 1.0, "bonafide": 1.0},
    },
    "drift": {"window": WINDOW},
    "review": {"reviewers": 1, "audit_share": 0.0, "source_cap": 500},
    "retraining": {"fast": False, "min_new_labels": 1000, "cool_down_h": 1000.0},
}


@dataclass
class Story:
    """The running platform, its corpus, and a browser window at the console."""

    own: dict[str, str]
    page: Any
    client: DemoCaller
    calls: tuple[Trial, ...]
    answers: list[CallAnswer]

    @property
    def console(self) -> str:
        return f"http://127.0.0.1:{self.own['ANTIPHON_CONSOLE_PORT']}"

    def command(self, *words: str) -> None:
        """Run a command of antiphon."""
        command = [sys.executable, "-m", "flows.cli", *words]
        run = subprocess.run(command, env=self.own, capture_output=True, text=True, timeout=300)
        assert run.returncode == 0, run.stdout + run.stderr

    def send(self, calls: Sequence[Trial]) -> list[CallAnswer]:
        """Calls to the endpoint."""
        answers = self.client.score_all(calls, lambda: None)
        assert [answer.error for answer in answers if answer.error] == []
        self.answers += answers
        return answers

    def drift(self) -> str:
        """Check the last window, and read the verdict on the page."""
        self.command("monitor")
        self.page.goto(f"{self.console}/drift")
        verdict: str = self.page.inner_text("section:has(#verdict) .big")
        return verdict

    def run_a_cycle(self, reason: str) -> str:
        """By the button of the page Loop; the sentence of the newest row of its history."""
        self.page.goto(self.console)
        self.page.click("text=Run a cycle …")
        self.page.fill("#cycle-reason", reason)
        self.page.click("dialog[open] button[type=submit]")
        self.page.wait_for_selector("#notice >> text=Prefect starts its cycle")
        verdicts = "section[aria-labelledby=history] tbody tr"
        before = self.page.locator(verdicts).count()
        self.until(lambda: self._reloaded().locator(verdicts).count() > before)
        newest: str = self.page.locator(verdicts).first.inner_text()
        return newest

    def _reloaded(self) -> Any:
        time.sleep(2)
        self.page.goto(self.console)
        return self.page

    def truths(self) -> dict[int, Label]:
        """What the recording of each sample really is."""
        database = open_database(f"sqlite:///{self.own['ANTIPHON_STATE_DIR']}/antiphon.db")
        labels = {str((a.body or {})["request_id"]): a.trial.label for a in self.answers}
        with reading(database) as transaction:
            columns = select(FieldSample.id, FieldSample.request_id)
            return {number: labels[request] for number, request in transaction.execute(columns)}

    def review(self) -> int:
        """Answer every recording that waits, by one key each; how many they were."""
        truths = self.truths()
        self.page.goto(f"{self.console}/review")
        answered = 0
        title: str | None = None
        while True:
            self.until(partial(self._next, title))
            if self.page.is_visible("#empty"):
                return answered
            title = self.page.inner_text("#clip-title")
            number = int(title.split(",")[0].removeprefix("Recording "))
            self.page.keyboard.press("2" if truths[number] is Label.SPOOF else "1")
            answered += 1

    def _next(self, before: str | None) -> bool:
        if self.page.is_visible("#empty"):
            return True
        return bool(self.page.is_visible("#clip") and self.page.inner_text("#clip-title") != before)

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < deadline, self.page.inner_text("body")
            time.sleep(0.05)


@pytest.fixture
def story(tmp_path: Path, shared: Path, browser: Any) -> Iterator[Story]:
    """A platform that has a dataset without the new attack, and no champion yet."""
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    own = own_environment_of(tmp_path / "state")
    own |= {"ANTIPHON_PARAMS_FILE": str(tmp_path / "params.yaml"), "ANTIPHON_DEVICE": "cpu"}
    own |= {"ANTIPHON_AUDIO_RETENTION_DAYS": "30"}
    base = known_speech(shared / "corpus", tmp_path / "base")
    calls = read_protocol("antiphon", shared / "corpus").trials
    with running_platform(own, tmp_path):
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(60_000)
        client = DemoCaller(f"http://127.0.0.1:{own['ANTIPHON_ENDPOINT_PORT']}")
        story = Story(own, page, client, calls, [])
        story.command("dataset", "add", "base", str(base))
        yield story
        client.close()
        page.context.close()


def known_speech(corpus: Path, folder: Path) -> Path:
    """The human recordings of a corpus, and the attacks of its first release."""
    folder.mkdir()
    with (corpus / "protocol.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["release"] == "0"]
    for row in rows:
        copy = folder / row["path"]
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(corpus / row["path"], copy)
    with (folder / "protocol.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_a_new_attack_is_noticed_labelled_learnt_and_then_known(story: Story) -> None:
    assert "promoted" in story.run_a_cycle("the first champion")
    familiar = [t for t in story.calls if t.partition == "eval" and t.extra["release"] == "0"]
    random.Random(7).shuffle(familiar)
    story.send(familiar[:WINDOW])
    assert story.drift() == "ok"
    attack = [t for t in story.calls if t.attack_id == NEW]
    for answer in story.send(attack[:WINDOW]):
        story.client.flag(answer)
    assert story.drift() == "watch"
    story.send(attack[-WINDOW:])
    assert story.drift() == "drift"
    assert story.page.locator("section[aria-labelledby=exemplars] tbody tr").count() == 20
    assert story.review() >= WINDOW
    assert "promoted" in story.run_a_cycle("the new attack")
    story.page.click("section[aria-labelledby=history] tbody a >> nth=0")
    story.page.wait_for_selector(f"text={NEW}")
    story.send(familiar[WINDOW : 2 * WINDOW])
    assert story.drift() == "ok"
    caught = [answer.body or {} for answer in story.send(attack)]
    assert sum(body["verdict"] == "spoof" for body in caught) > 0.9 * len(attack)
