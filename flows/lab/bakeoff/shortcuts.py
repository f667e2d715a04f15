"""What the label follows from without speech, in the corpus of a bake-off; measured once."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.lab.run_marks import read_mark
from models.audio.clip_measures import listen, log_spectrum
from models.compute.progress import progress_bar
from models.data.checks import Clip
from models.data.clips import Clips
from models.evaluation.shortcuts import Shortcut, of_spectrum, shortcuts, spread_evenly
from models.files.whole_files import write_json


def measure_shortcuts(clips: Clips, path: Path) -> tuple[Shortcut, ...]:
    """Of all clips, from `path` where they were measured before."""
    known = read_mark(path)
    if known.get("trials") == clips.trials_hash:
        return tuple(Shortcut(**row) for row in known["shortcuts"])
    measured = []
    with progress_bar(len(clips), "shortcuts", True) as bar:
        for row, trial in enumerate(clips.trials):
            measured.append(Clip(trial, listen(_samples(clips, row))))
            bar.update()
    some = spread_evenly(len(clips))
    spectra = np.stack([log_spectrum(_samples(clips, row)) for row in some])
    spectrum = of_spectrum([clips.trials[row] for row in some], spectra)
    columns = (*shortcuts(measured), *([spectrum] if spectrum else []))
    rows = [asdict(column) for column in columns]
    write_json(path, {"trials": clips.trials_hash, "shortcuts": rows})
    return columns


def _samples(clips: Clips, row: int) -> NDArray[np.int16]:
    start = int(clips.offsets[row])
    return clips.samples[start : start + int(clips.lengths[row])]
