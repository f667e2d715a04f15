"""Programs of unpacked packages speak from where they were unpacked."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from flows.demo.corpora.debian import UnknownPackageError, fetch_program
from flows.demo.corpora.synthesisers import PROGRAM_SYNTHESISERS, festival, flite
from flows.demo.corpora.synthesisers.programs import SynthesisError, run_program
from flows.demo.corpora.synthesisers.voices import Part, Voice
from infra.errors import UnreachableError
from models.audio.reading import SAMPLE_RATE
from models.errors import InputError


def script(home: Path, name: str, lines: str) -> None:
    """A program of two lines of shell in an unpacked package."""
    program = home / "usr/bin" / name
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\n{lines}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_a_program_finds_the_libraries_that_were_unpacked_beside_it(tmp_path: Path) -> None:
    (tmp_path / "usr/lib/here").mkdir(parents=True)
    (tmp_path / "usr/lib/here/libx.so.1").touch()
    script(tmp_path, "say", 'echo "$LD_LIBRARY_PATH" > paths')
    run_program(tmp_path, "say", [], tmp_path)
    assert (tmp_path / "paths").read_text().split(":")[0].strip() == f"{tmp_path}/usr/lib/here"


def test_the_last_words_of_a_program_that_fails_are_repeated(tmp_path: Path) -> None:
    script(tmp_path, "say", "echo libpulse is missing >&2; exit 127")
    with pytest.raises(SynthesisError, match="say: libpulse is missing"):
        run_program(tmp_path, "say", [], tmp_path)
    with pytest.raises(SynthesisError, match="sing: cannot be run"):
        run_program(tmp_path, "sing", [], tmp_path)


def test_festival_is_told_the_voice_the_words_and_where_the_czech_diphones_lie(
    tmp_path: Path,
) -> None:
    library = tmp_path / "usr/share/festival"
    library.mkdir(parents=True)
    tone = 0.1 * np.sin(np.arange(8_000) / 4)
    soundfile.write(library / "tone.wav", tone, SAMPLE_RATE)
    out = 'sed -n \'s/.*spoken "\\(.*\\)" .riff.*/\\1/p\' "$6"'
    script(tmp_path, "festival", f'cp "$6" spoken.scm; cp tone.wav "$({out})"')
    voice = Voice("czech_dita", "czech_dita", "cs", home=tmp_path)
    assert len(festival.speak('Pes "nechce" ven, \\že.', voice, 0.5, 0)) == tone.size
    scheme = (library / "spoken.scm").read_bytes().decode("iso-8859-2")
    assert f'"{library}/voices/czech/czech_dita/group/dita.group"' in scheme
    assert "(voice_czech_dita)" in scheme
    assert "'Duration_Stretch 2.000" in scheme
    assert "Pes  nechce  ven,  že." in scheme


def test_a_program_that_makes_no_sound_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "usr/share/festival").mkdir(parents=True)
    script(tmp_path, "festival", "true")
    with pytest.raises(SynthesisError, match="no sound by kal_diphone"):
        festival.speak("Hello.", Voice("kal_diphone", "kal", "en", home=tmp_path), 1.0, 0)


@pytest.mark.slow
def test_flite_speaks_unpacked_and_repeats_itself(tmp_path: Path) -> None:
    try:
        home = fetch_program("flite", flite.PACKAGES, tmp_path)
    except (UnreachableError, UnknownPackageError) as error:
        pytest.skip(f"needs the Debian package servers: {error}")
    except InputError as error:
        pytest.skip(f"needs apt: {error}")
    synthesiser = PROGRAM_SYNTHESISERS["flite_cg"]
    voice = replace(synthesiser.voices[Part.TRAIN][0], home=home)
    first = synthesiser.speak("The bridge is closed until Monday.", voice, 1.0, 5)
    assert 1.0 < len(first) / SAMPLE_RATE < 6.0
    again = synthesiser.speak("The bridge is closed until Monday.", voice, 1.0, 5)
    np.testing.assert_array_equal(again, first)
    slow = synthesiser.speak("The bridge is closed until Monday.", voice, 0.85, 5)
    assert len(slow) > 1.1 * len(first)
    assert not list((tmp_path / "archives").glob("*.deb"))  # unpacked once, and not kept
