"""WaveFake (Zenodo 5642694): `generated_audio`, one folder per vocoder, and its human originals.

    generated_audio/ljspeech_melgan/LJ001-0001_gen.wav          LJSpeech-1.1/wavs/LJ001-0001.wav
    generated_audio/jsut_parallel_wavegan/BASIC5000_0001_gen.wav
                                                  jsut_ver1.1/basic5000/wav/BASIC5000_0001.wav
    generated_audio/common_voices_prompts_from_conformer_fastspeech2_pwg_ljspeech/gen_0.wav

The originals are unpacked beside it, from LJSpeech 1.1 and JSUT 1.1. An original that a copy was
made from belongs to the corpus: where its file is not there it is missing.

There are no partitions. As each language has one speaker, what is held out is the sentence with
all its copies, and never the speaker: `speaker_id` stays empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from models.data.protocols.layout import Folder, Layout, read_layout
from models.trials import Trial

VOCODED = re.compile(r"(ljspeech|jsut)_(?!ver)\w+|common_voices_prompts_\w+", re.IGNORECASE)
ORIGINAL = re.compile(r"LJ\d{3}-\d{4}|BASIC5000_\d{4}")
COPY_SUFFIX = re.compile(r"_gen(erated)?$")  # _generated in ljspeech_hifiGAN, none in waveglow
HOMES = {"LJ": Path("LJSpeech-1.1", "wavs"), "BA": Path("jsut_ver1.1", "basic5000", "wav")}
SOURCES = {"LJ": ("ljspeech", "en"), "BA": ("jsut", "ja")}


def wavefake(root: Path) -> Iterator[Trial]:
    """The copies, then the human originals."""
    layout = read_layout(root)
    copies = list(_copies(layout))
    yield from copies
    yield from _originals(layout, {copy.parent for copy in copies if copy.parent})


def _copies(layout: Layout) -> Iterator[Trial]:
    for folder in layout.folders:
        vocoder = _vocoder(folder)
        for name in folder.audio if vocoder else ():
            stem = name.rpartition(".")[0]
            parent = COPY_SUFFIX.sub("", stem)
            is_copy = ORIGINAL.fullmatch(parent) is not None
            source, language = SOURCES[parent[:2]] if is_copy else ("ljspeech", "en")
            yield Trial(
                utterance_id=f"{vocoder}/{stem}",
                path=folder.path / name,
                attack_id=vocoder,
                language=language,
                source=source,
                parent=parent if is_copy else None,
            )


def _originals(layout: Layout, parents: set[str]) -> Iterator[Trial]:
    paths = {
        name.rpartition(".")[0]: folder.path / name
        for folder in layout.folders
        if not _vocoder(folder)
        for name in folder.audio
    }
    for stem in sorted(parents | {stem for stem in paths if ORIGINAL.fullmatch(stem)}):
        source, language = SOURCES[stem[:2]]
        expected = layout.root / HOMES[stem[:2]] / f"{stem}.wav"
        yield Trial(stem, paths.get(stem, expected), None, language=language, source=source)


def _vocoder(folder: Folder) -> str | None:
    """The name of the folder of generated audio that this folder is, or lies in."""
    return next((part for part in reversed(folder.parts) if VOCODED.fullmatch(part)), None)
