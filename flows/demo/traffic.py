"""A client of the endpoint: utterances go in, answers are counted, none may be lost."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle

import httpx

from models.trials import Trial

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class CallAnswer:
    """What the endpoint said of one utterance; an error instead where the request was lost."""

    trial: Trial
    body: dict[str, object] | None
    error: str | None = None


@dataclass
class Tally:
    """What a stream of requests came to."""

    versions: Counter[int] = field(default_factory=Counter)  # answers by model version
    lost: list[str] = field(default_factory=list)

    def add(self, answer: CallAnswer) -> None:
        """Count one answer."""
        if answer.body is None:
            self.lost.append(answer.error or "no answer")
        else:
            self.versions[int(str(answer.body["model_version"]))] += 1


class DemoCaller:
    """Sends trials to one endpoint."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=TIMEOUT_S, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def score(self, trial: Trial) -> CallAnswer:
        """POST /score with the audio of a trial."""
        form = {"speaker_id": trial.speaker_id or "", "source": trial.source or ""}
        try:
            answer = self._http.post(
                "/score",
                files={"audio": (trial.path.name, trial.path.read_bytes())},
                data={key: value for key, value in form.items() if value},
            )
            answer.raise_for_status()
        except httpx.HTTPError as error:
            return CallAnswer(trial, None, f"{trial.utterance_id}: {error}")
        return CallAnswer(trial, answer.json())

    def score_all(
        self, trials: Sequence[Trial], advance: Callable[[], object], at_once: int = 4
    ) -> list[CallAnswer]:
        """Score many, a few at once; answers in the order of the trials."""

        def one(trial: Trial) -> CallAnswer:
            answer = self.score(trial)
            advance()
            return answer

        with ThreadPoolExecutor(max_workers=at_once) as pool:
            return list(pool.map(one, trials))

    def flag(self, answer: CallAnswer) -> None:
        """POST /feedback with what the trial really is."""
        assert answer.body is not None
        claim = {"request_id": answer.body["request_id"], "label": str(answer.trial.label)}
        if answer.trial.attack_id:
            claim["attack_id"] = answer.trial.attack_id
        self._http.post("/feedback", json=claim).raise_for_status()

    @contextmanager
    def steady(self, trials: Iterable[Trial], per_second: float) -> Iterator[Tally]:
        """Keep asking in the background while the block runs; the tally grows meanwhile."""
        tally, over = Tally(), threading.Event()

        def ask() -> None:
            for trial in cycle(list(trials)):
                began = time.monotonic()
                tally.add(self.score(trial))
                if over.wait(max(0.0, 1.0 / per_second - (time.monotonic() - began))):
                    return

        thread = threading.Thread(target=ask, name="steady-traffic", daemon=True)
        thread.start()
        try:
            yield tally
        finally:
            over.set()
            thread.join()
