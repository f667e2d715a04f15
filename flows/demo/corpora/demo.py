"""The demo corpus: what a champion trains on, and the traffic it meets afterwards.

    OUT/base/      protocol.csv   human recordings, espeak_ng, svox_pico and world_copy
    OUT/traffic/   protocol.csv   further ones of the same kind, and hibari, which is new

No utterance is in both. Speakers of the traffic are in the partition they have in the base.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from random import Random
from typing import TypeVar

from flows.demo.corpora.cast import PARTITION, cast, with_spares
from flows.demo.corpora.debian import fetch_packages
from flows.demo.corpora.find_recordings import PACKAGES, Recording, find_recordings
from flows.demo.corpora.make_corpora import Advance, build_corpora
from flows.demo.corpora.orders import (
    BASE,
    TRAFFIC,
    Batch,
    CorpusSize,
    Order,
    describe_size,
    human_order,
)
from flows.demo.corpora.sentences import compose
from flows.demo.corpora.synthesisers import SYNTHESISERS
from flows.demo.corpora.synthesisers.voices import Part
from flows.demo.corpora.tables import Summary

Choice = TypeVar("Choice")

KNOWN_ATTACKS = ("espeak_ng", "svox_pico")
COPIES = "world_copy"
UNHEARD = "hibari"
PACE = 0.85, 1.2  # relative to a voice's own
ONE_SEED = 2**31


def fetch_demo(
    out: Path,
    cache: Path,
    size: CorpusSize,
    seed: int,
    *,
    arrived: Callable[[str], None] = lambda _: None,
    advance: Advance = lambda _made, _total: None,
    processes: int | None = None,
) -> Summary:
    """Download what is missing and build OUT; says which package `arrived` and how many are made.

    An OUT that the same request has built is left as it is. Raises InputError and UnreachableError
    as fetch_packages and build_corpora do.
    """

    def plan() -> list[Batch]:
        packages = fetch_packages(PACKAGES, cache, arrived)
        return plan_demo(find_recordings(packages), size, seed)

    request = {"corpus": "demo", "size": describe_size(size), "seed": seed}
    return build_corpora(out, request, plan, advance=advance, processes=processes)


def plan_demo(recordings: Sequence[Recording], size: CorpusSize, seed: int) -> list[Batch]:
    """Every utterance of the demo corpus, of the same recordings and seed the same."""
    chosen = cast(recordings, size.bonafide, seed)
    batches: list[Batch] = []
    for part, groups in chosen.items():
        corpus = TRAFFIC if part is Part.TRAFFIC else BASE
        humans = list(chain.from_iterable(candidates[:count] for count, candidates in groups))
        for count, candidates in groups:
            orders = tuple(human_order(recording, PARTITION[part]) for recording in candidates)
            batches.append(Batch(corpus, orders, count))
        for attack_id in KNOWN_ATTACKS:
            spoken = _spoken(attack_id, part, humans, size.attack[part], seed)
            batches.append(Batch(corpus, spoken, size.attack[part]))
        copies = min(size.attack[part], len(humans))
        batches.append(Batch(corpus, _copied(part, humans, copies, seed), copies))
        if part in size.unheard:
            spoken = _spoken(UNHEARD, part, humans, size.unheard[part], seed, release=1)
            batches.append(Batch(TRAFFIC, spoken, size.unheard[part]))
    return batches


def _copied(part: Part, humans: Sequence[Recording], wanted: int, seed: int) -> tuple[Order, ...]:
    """Copies of recordings that are in the corpus themselves, each beside its parent."""
    parents = list(humans)
    Random(f"{seed} {COPIES} {part}").shuffle(parents)
    return tuple(
        replace(
            human_order(parent, PARTITION[part]),
            utterance_id=f"{COPIES}-{parent.recording_id}",
            attack_id=COPIES,
            parent=f"bonafide-{parent.recording_id}",
        )
        for parent in parents[: with_spares(wanted)]
    )


def _spoken(
    attack_id: str,
    part: Part,
    donors: Sequence[Recording],
    wanted: int,
    seed: int,
    *,
    release: int = 0,
) -> tuple[Order, ...]:
    """Sentences spoken by the part's voices in turn, over the channels of its recordings."""
    draw = Random(f"{seed} {attack_id} {part}")
    synthesiser = SYNTHESISERS[attack_id]
    voices = _in_turn(synthesiser.voices[part], draw)
    lenders = _in_turn(donors, draw)
    orders = []
    for number in range(with_spares(wanted)):
        voice, donor = next(voices), next(lenders)
        order = Order(
            utterance_id=f"{attack_id}-{part}-{number:04d}",
            attack_id=attack_id,
            partition=PARTITION[part],
            speaker_id=f"{attack_id}:{voice.speaker}",
            language=voice.language,
            source=donor.source,
            codec=donor.codec,
            licence=synthesiser.licence,
            recording=donor.path,
            release=release,
            text=compose(voice.language, draw),
            voice=voice,
            pace=round(draw.uniform(*PACE), 3),
            seed=draw.randrange(ONE_SEED),
        )
        orders.append(order)
    return tuple(orders)


def _in_turn(choices: Sequence[Choice], draw: Random) -> Iterator[Choice]:
    """All of them in a drawn order, then all in another, without end."""
    while True:
        yield from draw.sample(choices, len(choices))
