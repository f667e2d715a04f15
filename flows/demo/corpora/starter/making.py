"""Steps of orders made in processes, each finished one kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from flows.demo.corpora.make_corpora import CHUNK, render, write_utterance
from flows.demo.corpora.orders import Order
from flows.demo.corpora.starter.plan import Step
from flows.demo.corpora.starter.speech import measure_voicing
from flows.demo.corpora.starter.unfinished import Row, UnfinishedCorpus
from flows.demo.corpora.synthesisers.programs import SynthesisError
from flows.demo.corpora.tables import UtteranceFile, protocol_row
from models.errors import InputError


@contextmanager
def worker_processes(count: int) -> Iterator[Executor]:
    """Processes for `make_step`, ended at once where the block is interrupted."""
    # spawned, not forked: the caller may hold threads and locks
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def make_step(
    corpus: UnfinishedCorpus, step: Step, pool: Executor, advance: Callable[[int], None]
) -> list[Row]:
    """The protocol lines of a step, made unless they are there; says how many orders are done."""
    rows = corpus.rows(step.name)
    if rows is not None:
        advance(len(step.orders))
        return rows
    files: list[UtteranceFile] = []
    folders = [corpus.folder] * len(step.orders)
    for file in pool.map(make_if_usable, step.orders, folders, chunksize=CHUNK):
        advance(1)
        if file is not None:
            files.append(file)
    for surplus in files[step.wanted :]:
        (corpus.folder / surplus.order.path).unlink()
    rows = [protocol_row(file) for file in files[: step.wanted]]
    corpus.finish(step.name, rows)
    return rows


def make_if_usable(order: Order, folder: Path) -> UtteranceFile | None:
    """Write one utterance; None where it is too short or long, no speech, or cannot be made."""
    try:
        waveform = render(order)
    except (InputError, SynthesisError):
        return None
    human = order.attack_id is None
    if waveform is None or (human and not measure_voicing(waveform).is_speech):
        return None
    return write_utterance(order, waveform, folder)


def total_orders(steps: Sequence[Step]) -> int:
    """How many orders steps hold."""
    return sum(len(step.orders) for step in steps)
