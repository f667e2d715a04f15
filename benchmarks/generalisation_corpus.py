"""What `benchmarks.generalisation` learns from and judges by: shared/corpus, packed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from models.audio import read_audio
from models.clips import Clips, open_clips, pack
from models.copy_synthesis.copies import write_copies
from models.folds import Fold, leave_attacks_out, leave_places_out
from models.protocols.reading import read_protocol
from models.trials import Partition, Trial

# a kind of synthesis in each, and the two voices made of one person's recordings together
ATTACKS = (
    ("griffinlim_mel80", "festival_hts", "flite_cg"),
    ("world_copy", "hibari", "espeak_ng"),
    ("lpc_vocoder", "svox_pico", "festival_diphone"),
)
# no speaker is in both; languages too, but for a few Spanish prompts
SOURCES = (
    ("asterisk_en", "asterisk_es", "fotaq"),
    ("asterisk_fr", "tuxpaint_fr", "fillets_cs", "tuxpaint_ru", "tuxpaint_bg"),
)
COPIES = {"griffin_lim": 0.5, "world": 0.5}
SAME_VOCODER = {"griffin_lim_copy": "griffinlim_mel80", "world_copy": "world_copy"}
LOOKED_AT = 2  # of dev, one trial in so many


@dataclass(frozen=True)
class Corpus:
    """Everything packed once; the copies come after the trials."""

    clips: Clips
    trials: tuple[Trial, ...]

    @classmethod
    def open(cls, root: Path, folder: Path) -> Corpus:
        trials = read_protocol("antiphon", root).trials
        if not (folder / "all.csv").is_file():
            with TemporaryDirectory() as scratch:
                copies = write_copies(trials, COPIES, read_audio, Path(scratch), seed=1)
                pack([*trials, *copies], read_audio, folder, "all")
        clips = open_clips(folder, "all")
        return cls(clips, clips.trials[: len(trials)])

    def folds(self) -> dict[str, tuple[Fold, ...]]:
        """Those of each plan."""
        parts = (np.flatnonzero([t.partition is part for t in self.trials]) for part in Partition)
        folds = {
            "eval": (Fold("eval", *parts),),
            "attacks": leave_attacks_out(self.trials, ATTACKS),
            "sources": leave_places_out(self.trials, "source", SOURCES),
        }
        return {name: tuple(map(_lighter, plan)) for name, plan in folds.items()}

    def with_copies(self, fold: Fold, vocoders: Mapping[str, float]) -> Fold:
        """Learning from the copies that a recipe asks for, and no vocoder that is held out."""
        copies = self.clips.trials[len(self.trials) :]
        wanted = {f"{name}_copy" for name in vocoders}
        known = {self.trials[row].attack_id for row in fold.train}
        rows = fold.and_copies(self.trials, copies).train
        kept = [
            row
            for row in rows
            if row < len(self.trials)
            or (
                (name := self.clips.trials[row].attack_id) in wanted
                and SAME_VOCODER[str(name)] in known
            )
        ]
        return replace(fold, train=np.array(kept, dtype=np.int64))


def _lighter(fold: Fold) -> Fold:
    return replace(fold, dev=fold.dev[::LOOKED_AT])
