"""A person's own recordings and synthetic speech as the same two corpora that the demo uses.

    BONAFIDE/anna/001.wav         BONAFIDE/002.wav
    SPOOF/melgan/anna/001.wav     SPOOF/vits/002.wav

A folder in SPOOF names the attack; a folder in BONAFIDE, or in an attack's, names the speaker.
Nothing is synthesised or lent: whoever made the folders answers for what tells them apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from flows.demo.corpora.cast import PARTITION
from flows.demo.corpora.make_corpora import Advance, build_corpora
from flows.demo.corpora.orders import BASE, TRAFFIC, Batch, Order
from flows.demo.corpora.synthesisers.voices import Part
from flows.demo.corpora.tables import Summary
from models.audio.suffixes import AUDIO_SUFFIXES, is_audio
from models.errors import InputError

SHARES: dict[Part, float] = {Part.TRAIN: 0.5, Part.DEV: 0.15, Part.EVAL: 0.2, Part.TRAFFIC: 0.15}
LABELLED: dict[Part, float] = {
    part: share for part, share in SHARES.items() if part is not Part.TRAFFIC
}


@dataclass(frozen=True, slots=True)
class Utterance:
    """One file, and what its place says about it."""

    path: Path
    name: str
    speaker: str
    attack_id: str | None


def build_from_folders(
    out: Path,
    bonafide: Path,
    spoof: Path,
    unheard: str | None,
    seed: int,
    *,
    advance: Advance = lambda _made, _total: None,
    processes: int | None = None,
) -> Summary:
    """Build OUT from two folders; `unheard`, else the last attack by name, is kept for traffic.

    Raises InputError where a folder has no audio, or too few attacks or speakers to part them.
    """

    def plan() -> list[Batch]:
        return plan_folders(list(find_utterances(bonafide, spoof)), unheard, seed)

    places = {"bonafide": str(bonafide.absolute()), "spoof": str(spoof.absolute())}
    request = {"corpus": "folders", **places, "unheard": unheard, "seed": seed}
    return build_corpora(out, request, plan, advance=advance, processes=processes)


def find_utterances(bonafide: Path, spoof: Path) -> Iterator[Utterance]:
    """Every audio file of both folders, in a fixed order."""
    for path in _audio(bonafide):
        parts = path.relative_to(bonafide).with_suffix("").parts
        yield Utterance(path, "_".join(parts), parts[0], None)
    for path in _audio(spoof):
        attack_id, *below = path.relative_to(spoof).with_suffix("").parts
        if not below:
            raise InputError(f"{path}: {spoof}/ATTACK_ID/{path.name} expected, no attack is named")
        yield Utterance(path, "_".join(below), below[0], attack_id)


def _audio(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if is_audio(path.name))
    if not paths:
        raise InputError(
            f"{folder}: no audio files in it, {', '.join(sorted(AUDIO_SUFFIXES))} expected"
        )
    return paths


def plan_folders(utterances: Sequence[Utterance], unheard: str | None, seed: int) -> list[Batch]:
    """Base and traffic of a person's files: no speaker in two partitions, each file once."""
    attacks = sorted({u.attack_id for u in utterances if u.attack_id is not None})
    if len(attacks) < 2:
        raise InputError(f"at least 2 attacks expected below the spoof folder, found {attacks}")
    last = unheard or attacks[-1]
    if last not in attacks:
        raise InputError(f"no attack named {last!r} to keep unheard; found: {', '.join(attacks)}")
    parts: dict[str, Part] = {}
    batches: list[Batch] = []
    for attack_id in (None, *(attack for attack in attacks if attack != last), last):
        spoofs = [u for u in utterances if u.attack_id == attack_id]
        _assign(spoofs, LABELLED if attack_id == last else SHARES, parts, seed)
        batches += _batches(spoofs, parts, last)
    return batches


def _assign(
    utterances: Sequence[Utterance], shares: Mapping[Part, float], parts: dict[str, Part], seed: int
) -> None:
    """Give each new speaker to the part that lacks most; a known one stays where it is."""
    spoken = Counter(utterance.speaker for utterance in utterances)
    lacking = {part: share * len(utterances) for part, share in shares.items()}
    speakers = sorted(spoken)
    Random(f"{seed} {utterances[0].attack_id}").shuffle(speakers)
    empty = set(shares)
    for speaker in sorted(speakers, key=lambda name: name not in parts):
        neediest = max(lacking, key=lambda part: (part in empty, lacking[part]))
        part = parts.setdefault(speaker, neediest)
        empty.discard(part)
        if part in lacking:
            lacking[part] -= spoken[speaker]
    if empty:
        kind = utterances[0].attack_id or "bona fide"
        raise InputError(
            f"{kind}: at least {len(shares)} speakers that can be kept apart expected, "
            f"{len(spoken)} found and none left for {', '.join(sorted(empty))}"
        )


def _batches(
    utterances: Sequence[Utterance], parts: Mapping[str, Part], unheard: str
) -> Iterator[Batch]:
    for part in Part:
        orders = tuple(
            _order(utterance, part, unheard)
            for utterance in utterances
            if parts[utterance.speaker] is part
        )
        new = orders and orders[0].attack_id == unheard
        if orders:
            yield Batch(TRAFFIC if new or part is Part.TRAFFIC else BASE, orders, None)


def _order(utterance: Utterance, part: Part, unheard: str) -> Order:
    return Order(
        utterance_id=f"{utterance.attack_id or 'bonafide'}-{utterance.name}",
        attack_id=utterance.attack_id,
        partition=PARTITION[part],
        speaker_id=utterance.speaker,
        language="",
        source="own",
        codec="unknown",
        licence="",
        recording=utterance.path,
        release=int(utterance.attack_id == unheard),
        ready=True,
    )
