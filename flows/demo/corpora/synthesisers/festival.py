"""Festival: diphones and HTS, in four languages, as Debian's packages ship the voices."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from flows.demo.corpora.synthesisers.programs import SynthesisError, run_program
from flows.demo.corpora.synthesisers.voices import Part, Voice, Waveform
from models.audio.reading import read_audio

PACKAGES = (
    *("festival", "festlex-cmu", "festlex-poslex", "festvox-kallpc16k", "festvox-kdlpc16k"),
    *("festlex-ifd", "festvox-italp16k", "festvox-itapc16k", "festival-czech"),
    *("festvox-czech-ph", "festvox-czech-dita", "festvox-czech-krb", "festvox-czech-machac"),
    *("festvox-us-slt-hts", "festival-ca", "festvox-ca-ona-hts"),
)
ENCODINGS = {"cs": "iso-8859-2", "en": "ascii"}  # else Latin 1


def _voices(names: str, language: str) -> tuple[Voice, ...]:
    return tuple(Voice(name, name, language) for name in names.split())


DIPHONES: dict[Part, tuple[Voice, ...]] = {
    Part.TRAIN: (
        *_voices("czech_dita czech_krb czech_machac", "cs"),
        *_voices("ked_diphone", "en"),
    ),
    Part.DEV: _voices("lp_diphone pc_diphone", "it"),
    Part.EVAL: (*_voices("czech_ph", "cs"), *_voices("kal_diphone", "en")),
}
# flite has slt too: they are on the same side
HTS: dict[Part, tuple[Voice, ...]] = {
    Part.TRAIN: _voices("upc_ca_ona_hts", "ca"),
    Part.DEV: _voices("cmu_us_slt_arctic_hts", "en"),
    Part.EVAL: _voices("cmu_us_slt_arctic_hts", "en"),
}


def speak(text: str, voice: Voice, pace: float, seed: int) -> Waveform:  # noqa: ARG001
    """A sentence in a voice; nothing is drawn. Raises SynthesisError where Festival fails."""
    home = voice.home
    if home is None:
        raise SynthesisError("festival: the folder of the unpacked packages expected")
    library = home / "usr/share/festival"
    with TemporaryDirectory() as scratch:
        path, script = Path(scratch) / "spoken.wav", Path(scratch) / "speak.scm"
        encoding = ENCODINGS.get(voice.language, "iso-8859-1")
        script.write_bytes(_scheme(text, voice, pace, library, path).encode(encoding, "replace"))
        # in its library: the Czech lexicon is looked for there
        places = ["--datadir", str(library), "--libdir", str(library)]
        run_program(home, "festival", [*places, "-b", str(script)], library)
        if not path.is_file():
            raise SynthesisError(f"festival: no sound by {voice.name}")
        return read_audio(path)


def _scheme(text: str, voice: Voice, pace: float, library: Path, path: Path) -> str:
    spoken = text.replace("\\", " ").replace('"', " ")
    lines = []
    if voice.language == "cs":  # its voices know only where a system has them
        name = voice.name.removeprefix("czech_")
        index = library / "voices/czech" / voice.name / "group" / f"{name}.group"
        lines.append(f'(set! czech-{name}-unisyn-index "{index}")')
    lines += [
        f"(voice_{voice.name})",
        f"(Parameter.set 'Duration_Stretch {1 / pace:.3f})",
        f'(set! spoken (Utterance Text "{spoken}"))',
        "(utt.synth spoken)",
        f'(utt.save.wave spoken "{path}" \'riff)',
    ]
    return "\n".join(lines) + "\n"
