"""What `benchmarks.generalisation` learns from and judges by: shared/corpus, packed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from models.audio.reading import read_audio
from models.data.clips import Clips, open_clips, pack
from models.data.copy_synthesis.copies import write_copies
from models.data.folds import Fold, Rows, leave_attacks_out, leave_places_out
from models.data.protocols.reading import read_protocol
from models.trials import Partition, Trial

# held out together, three attacks and some bona fide sources at a time. A kind of synthesis is in
# each group of attacks, and the two voices made of one person's recordings are in one group;
# no speaker is in two groups of sources
HELD_OUT = (
    (("griffinlim_mel80", "festival_hts", "flite_cg"), ("asterisk_en", "asterisk_es")),
    (("world_copy", "hibari", "espeak_ng"), ("fotaq", "fillets_cs")),
    (
        ("lpc_vocoder", "svox_pico", "festival_diphone"),
        ("asterisk_fr", "tuxpaint_fr", "tuxpaint_ru", "tuxpaint_bg"),
    ),
)
COPIES = {"griffin_lim": 0.5, "world": 0.5}
SAME_VOCODER = {"griffin_lim_copy": "griffinlim_mel80", "world_copy": "world_copy"}
LOOKED_AT = 2  # of dev, one trial in so many


@dataclass(frozen=True, eq=False)
class Round:
    """A training without some attacks and some sources, and the trials of each column."""

    fold: Fold  # judged is what the columns name
    columns: Mapping[str, Rows]


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

    def rounds(self) -> tuple[Round, ...]:
        """One for each line of HELD_OUT."""
        return tuple(self._round(attacks, sources) for attacks, sources in HELD_OUT)

    def _round(self, attacks: tuple[str, ...], sources: tuple[str, ...]) -> Round:
        (no_attacks,) = leave_attacks_out(self.trials, [attacks])
        (no_sources,) = leave_places_out(self.trials, "source", [sources])
        known = [
            row
            for row, trial in enumerate(self.trials)
            if trial.partition is Partition.EVAL
            and trial.attack_id not in attacks
            and trial.source not in sources
        ]
        columns = {
            "eval": np.array(known, dtype=np.int64),
            "attacks": self._without_sources(no_attacks.eval, sources),
            "sources": self._without_attacks(no_sources.eval, attacks),
        }
        judged = np.unique(np.concatenate(list(columns.values())))
        train = np.intersect1d(no_attacks.train, no_sources.train)
        dev = np.intersect1d(no_attacks.dev, no_sources.dev)[::LOOKED_AT]
        return Round(Fold("+".join(attacks + sources), train, dev, judged), columns)

    def _without_sources(self, rows: Rows, sources: tuple[str, ...]) -> Rows:
        return rows[[self.trials[row].source not in sources for row in rows]]

    def _without_attacks(self, rows: Rows, attacks: tuple[str, ...]) -> Rows:
        return rows[[self.trials[row].attack_id not in attacks for row in rows]]

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
