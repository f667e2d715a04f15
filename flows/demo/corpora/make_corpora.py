"""From orders to folders with a protocol, in several processes, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.demo.corpora.matching import LONGEST_S, SHORTEST_S, match_human, match_synthetic
from flows.demo.corpora.orders import Batch, Order
from flows.demo.corpora.synthesisers import ALL_SYNTHESISERS
from flows.demo.corpora.synthesisers.copies import COPY_MAKERS
from flows.demo.corpora.tables import Summary, UtteranceFile, read_summary, versions, write_tables
from models.audio.reading import SAMPLE_RATE, read_audio
from models.errors import InputError
from models.files.whole_files import written_beside

Waveform = NDArray[np.float32]
Advance = Callable[[int, int], None]  # how many of how many orders are done
CHUNK = 8  # orders that travel to a process at once


def build_corpora(
    out: Path,
    request: Mapping[str, Any],
    plan: Callable[[], Sequence[Batch]],
    *,
    advance: Advance = lambda _made, _total: None,
    processes: int | None = None,
) -> Summary:
    """Make every batch of a plan below `out`, which appears when all is done.

    Where `out` was built by the same request, it is left as it is and nothing is planned. Raises
    InputError where `out` holds anything else, or where too few of a batch's orders are usable.
    """
    request = {**request, "versions": versions()}
    if (summary := read_summary(out, request)) is not None:
        return summary
    with written_beside(out) as part:
        batches = plan()
        part.mkdir(parents=True)
        files = _make_all(batches, part, advance, processes or os.cpu_count() or 1)
        by_batch = [
            _keep(batch, utterances, part) for batch, utterances in zip(batches, files, strict=True)
        ]
        summary = write_tables(part, request, batches, by_batch)
    return replace(summary, out=out)


def _make_all(
    batches: Sequence[Batch], part: Path, advance: Advance, processes: int
) -> list[list[UtteranceFile | None]]:
    """What became of each order, batch by batch."""
    folders = [part / batch.corpus for batch in batches for _ in batch.orders]
    orders = [order for batch in batches for order in batch.orders]
    advance(0, len(orders))
    results: list[UtteranceFile | None] = []
    # spawned, not forked: the caller may hold threads and locks
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        try:
            for file in pool.map(make, orders, folders, chunksize=CHUNK):
                results.append(file)
                advance(len(results), len(orders))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # else the block waits for all of them
            raise
    ends = np.cumsum([0, *(len(batch.orders) for batch in batches)])
    return [results[start:end] for start, end in pairwise(ends)]


def make(order: Order, folder: Path) -> UtteranceFile | None:
    """Write one utterance below a folder; None where nothing usable comes of it."""
    waveform = render(order)
    return None if waveform is None else write_utterance(order, waveform, folder)


def write_utterance(order: Order, waveform: Waveform, folder: Path) -> UtteranceFile:
    """Write the waveform (samples,) of an order below a folder."""
    import soundfile

    path = folder / order.path
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, waveform, SAMPLE_RATE, subtype="PCM_16")
    return UtteranceFile(order, len(waveform) / SAMPLE_RATE)


def render(order: Order) -> Waveform | None:
    """The waveform (samples,) of an order; None where nothing usable comes of it."""
    recording = read_audio(order.recording)
    if order.ready or order.attack_id is None:
        return match_human(recording)
    if order.voice is None:
        synthetic = COPY_MAKERS[order.attack_id](recording, np.random.default_rng(order.seed))
    else:
        speak = ALL_SYNTHESISERS[order.attack_id].speak
        synthetic = speak(order.text, order.voice, order.pace, order.seed)
    return match_synthetic(synthetic, recording, order.codec, order.seed)


def _keep(batch: Batch, results: Iterable[UtteranceFile | None], part: Path) -> list[UtteranceFile]:
    """The ones that enter the corpus; the files of the others are removed."""
    usable = [result for result in results if result is not None]
    wanted = len(usable) if batch.wanted is None else batch.wanted
    if len(usable) < max(wanted, bool(batch.orders)):
        kind = batch.orders[0].attack_id or f"bona fide speech of {batch.orders[0].source}"
        raise InputError(
            f"{batch.corpus}: {max(wanted, 1)} utterances of {kind} expected, "
            f"{len(usable)} of {len(batch.orders)} were between {SHORTEST_S:g} and {LONGEST_S:g} s"
        )
    for surplus in usable[wanted:]:
        (part / batch.corpus / surplus.order.path).unlink()
    return usable[:wanted]
