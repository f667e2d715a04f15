"""What an answer is worth on real speech: refusals, policies, seconds of speech, short inserts.

    python -m benchmarks.answers pipeline/detector ../shared/corpus

For a detector folder and a corpus with partitions, on eval alone: the share of speech and of other
sounds that is called unscorable, the verdicts of every policy as recorded and through a telephone,
the error against seconds of speech, and how well segments find spoofed inserts.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE, read_audio
from models.audio.speech import HOP, SpeechActivity, speech_activity, speech_frames
from models.audio.windows import aggregate
from models.augmentations.processing.coding import through
from models.augmentations.processing.named_codecs import G711_MULAW
from models.data.lessons import read_lessons
from models.data.protocols.reading import read_protocol
from models.evaluation.metrics.eer import eer
from models.evaluation.policies import Policies, SpeechVerdict, read_policies, threshold_alone
from models.evaluation.segments import for_short_windows, segments_of
from models.files.manifest import POLICIES
from models.packaging.runtime import ExportedDetector, cm_scores
from models.trials import Partition, Trial
from serving.answers.windows import PlacedWindows, fine_windows, own_windows

Wave = NDArray[np.float32]
AMOUNTS_S = (0.5, 1.0, 2.0, 4.0, 8.0)
INSERTS_S = (0.5, 1.0, 2.0, 4.0)
HOST_S = 20.0
CROSSFADE = 80  # samples: 5 ms, so that no click gives the insert away
GRID = 1_600  # samples: segments are compared with the truth every 100 ms


@dataclass(frozen=True)
class Subject:
    """The detector under test."""

    exported: ExportedDetector
    policies: Policies

    def score(self, wave: Wave) -> float:
        window = self.exported.manifest.window
        return aggregate(self.run(own_windows(wave, window)), window)

    def run(self, placed: PlacedWindows) -> NDArray[np.float32]:
        return cm_scores(self.exported.run(placed.samples)[0])

    def llr(self, cm_score: float) -> float:
        assert self.exported.calibration
        return self.exported.calibration.llr_of(cm_score)


def open_subject(folder: Path, threads: int) -> Subject:
    exported = ExportedDetector.open(folder, threads)
    assert exported.calibration
    stored = POLICIES in exported.manifest.files
    policies = read_policies(folder) if stored else threshold_alone(exported.calibration)
    return Subject(exported, policies)


def refusals(root: Path, trials: Sequence[Trial]) -> None:
    """Shares that are unscorable: of speech, of its telephone copy, of other sounds."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    rng = np.random.default_rng(0)
    for trial in trials:
        wave = read_audio(trial.path)
        name = trial.attack_id or f"bonafide {trial.language}"
        kinds[name][_reason(wave)] += 1
        kinds["all through G.711"][_reason(through(G711_MULAW, wave, rng))] += 1
    for path in sorted((root.parent / "noise").glob("*/*.flac")):
        kinds[f"noise/{path.parent.name}"][_reason(read_audio(path))] += 1
    for name, counts in sorted(kinds.items()):
        _show(f"{name:24} {sum(counts.values()):5} {dict(counts)}")


def verdicts(subject: Subject, trials: Sequence[Trial]) -> None:
    """Shares of each verdict by every policy, of recordings and of their telephone copies."""
    rng = np.random.default_rng(0)
    channels: dict[str, Callable[[Wave], Wave]] = {
        "as recorded": lambda wave: wave,
        "G.711 8 kHz": lambda wave: through(G711_MULAW, wave, rng),
    }
    _show("channel      policy         class     spoof  uncertain  bonafide")
    for channel, effect in channels.items():
        scores = [(t.label.value, subject.score(effect(read_audio(t.path)))) for t in trials]
        bonafide, spoof = (
            np.array([s for label, s in scores if label == name]) for name in ("bonafide", "spoof")
        )
        _show(f"{channel:12} EER {eer(bonafide, spoof):.1%}")
        for name in subject.policies.names:
            policy = subject.policies.named(name)
            for label, values in (("bonafide", bonafide), ("spoof", spoof)):
                counts = Counter(policy.verdict(subject.llr(float(v))) for v in values)
                order = (SpeechVerdict.SPOOF, SpeechVerdict.UNCERTAIN, SpeechVerdict.BONAFIDE)
                shares = "  ".join(f"{counts[v] / values.size:8.1%}" for v in order)
                _show(f"{channel:12} {name:14} {label:9} {shares}")


def amounts(subject: Subject, trials: Sequence[Trial], number: int) -> None:
    """EER and verdicts of `default` against seconds of speech."""
    policy = subject.policies.named("default")
    longest = max(AMOUNTS_S)  # the same recordings for all amounts
    chains = [
        chain
        for label in ("bonafide", "spoof")
        for chain in islice(_chains(trials, longest, label), number)
    ]
    _show("speech_s  trials   EER   bona fide called spoof  spoof called bona fide  uncertain")
    for amount in AMOUNTS_S:
        scores: dict[str, list[float]] = {"bonafide": [], "spoof": []}
        for label, wave in _speech_of(chains, amount):
            scores[label].append(subject.score(wave))
        bonafide, spoof = np.array(scores["bonafide"]), np.array(scores["spoof"])
        counts = {
            label: Counter(policy.verdict(subject.llr(v)) for v in values)
            for label, values in scores.items()
        }
        wrong = (
            counts["bonafide"][SpeechVerdict.SPOOF] / bonafide.size,
            counts["spoof"][SpeechVerdict.BONAFIDE] / spoof.size,
            sum(c[SpeechVerdict.UNCERTAIN] for c in counts.values()) / (bonafide.size + spoof.size),
        )
        rates = "  ".join(f"{rate:8.1%}" for rate in (eer(bonafide, spoof), *wrong))
        _show(f"{amount:8} {bonafide.size + spoof.size:7} {rates}")


def inserts(subject: Subject, trials: Sequence[Trial], number: int) -> None:
    """Precision and recall, second by second, of segments called spoof around spoofed inserts."""
    hosts = [wave for _, wave in islice(_chains(trials, HOST_S, "bonafide"), number)]
    spoofs = [wave for _, wave in islice(_chains(trials, max(INSERTS_S), "spoof"), number)]
    _show("timeline  insert_s  inserts  found  recall  precision   (found: by half or more)")
    for timeline in ("windows", "fine"):
        for length in (0.0, *INSERTS_S):
            rng = np.random.default_rng(1)
            rows = []
            for n, host in enumerate(hosts):
                spoof = spoofs[n % len(spoofs)]
                truth, wave = _insert(host, spoof[: int(length * SAMPLE_RATE)], rng)
                rows.append((truth, _called_spoof(subject, wave, timeline)))
            _print_row(timeline, length, rows)


def _print_row(timeline: str, length: float, rows: list[tuple[NDArray[np.bool_], ...]]) -> None:
    hit = sum(int((truth & called).sum()) for truth, called in rows)
    called = sum(int(called.sum()) for _, called in rows)
    true = sum(int(truth.sum()) for truth, _ in rows)
    if not true:
        seconds = sum(truth.size for truth, _ in rows)
        _show(f"{timeline:9} none: {called / seconds:.1%} of {len(rows)} human recordings")
        return
    half = np.mean([(truth & c).sum() >= truth.sum() / 2 for truth, c in rows])
    precision = f"{hit / called:8.1%}" if called else "       –"
    _show(f"{timeline:9} {length:8} {len(rows):8} {half:6.0%} {hit / true:7.1%} {precision}")


def _insert(host: Wave, spoof: Wave, rng: np.random.Generator) -> tuple[NDArray[np.bool_], Wave]:
    """A host with a spoof in place of some of its speech, at its level; and where it is."""
    truth = np.zeros(host.size // GRID, np.bool_)
    if not spoof.size:
        return truth, host
    start = int(rng.integers(SAMPLE_RATE, host.size - spoof.size - SAMPLE_RATE))
    wave, level = host.copy(), np.sqrt(np.mean(host**2) / max(float(np.mean(spoof**2)), 1e-9))
    fade = np.minimum(np.arange(spoof.size), np.arange(spoof.size)[::-1]) / CROSSFADE
    share = np.minimum(fade, 1.0).astype(np.float32)
    part = slice(start, start + spoof.size)
    wave[part] = share * level * spoof + (1 - share) * wave[part]
    truth[start // GRID : (start + spoof.size) // GRID] = True
    return truth, wave


def _called_spoof(subject: Subject, wave: Wave, timeline: str) -> NDArray[np.bool_]:
    window = subject.exported.manifest.window
    own = timeline == "windows"
    blocks = [own_windows(wave, window)] if own else list(fine_windows(wave, window))
    scores = np.concatenate([subject.run(block) for block in blocks])
    activity: SpeechActivity = speech_activity(wave)
    policy = subject.policies.named("default")
    segments = segments_of(
        [span for block in blocks for span in block.spans_s],
        scores,
        subject.llr,
        policy if own else for_short_windows(policy),
        activity.between,
    )
    called = np.zeros(wave.size // GRID, np.bool_)
    for segment in segments:
        if segment.verdict is SpeechVerdict.SPOOF:
            called[round(segment.start_s * 10) : round(segment.end_s * 10)] = True
    return called


def _speech_of(chains: Sequence[tuple[str, Wave]], amount: float) -> Iterator[tuple[str, Wave]]:
    """The beginnings of recordings that hold so many seconds of speech."""
    for label, wave in chains:
        enough = np.cumsum(speech_frames(wave)) >= amount * SAMPLE_RATE / HOP
        if enough.any():
            yield label, wave[: int(enough.argmax()) * HOP + 512]


def _chains(trials: Sequence[Trial], amount: float, label: str) -> Iterator[tuple[str, Wave]]:
    """Utterances of one speaker (and attack) joined until they have so many seconds of speech."""
    groups: dict[tuple[str | None, str | None, str | None], list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.label.value == label:
            groups[trial.speaker_id, trial.attack_id, trial.source].append(trial)
    queues = [list(group) for group in groups.values()]
    while queues:  # one of each in turn, so that no speaker fills the list
        for queue in queues:
            waves: list[Wave] = []
            speech_s = 0.0
            while queue and speech_s < amount:
                waves.append(read_audio(queue.pop(0).path))
                speech_s += float(speech_frames(waves[-1]).sum()) * HOP / SAMPLE_RATE
            if speech_s >= amount:
                yield label, np.concatenate(waves)
        queues = [queue for queue in queues if queue]


def _show(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _reason(wave: Wave) -> str:
    return str(speech_activity(wave).reason or "scored")


def main() -> None:
    """Print the tables of docs/endpoint.md."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("detector", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--trials", type=int, default=150, help="of each class and amount")
    parser.add_argument("--step", type=int, default=1, help="verdicts of every n-th trial")
    parser.add_argument("--hosts", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    trials = read_protocol("antiphon", arguments.corpus).trials
    lessons = read_lessons(arguments.detector)
    known = {name.rpartition("/")[2] for name, _ in lessons}  # utterances it was trained on
    judged = [
        trial
        for trial in trials
        if trial.partition is Partition.EVAL and trial.utterance_id not in known
    ]
    subject = open_subject(arguments.detector, arguments.threads)
    inserts(subject, judged, arguments.hosts)
    amounts(subject, judged, arguments.trials)
    verdicts(subject, judged[:: arguments.step])
    refusals(arguments.corpus, trials)


if __name__ == "__main__":
    main()
