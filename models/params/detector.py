"""`detector` in params.yaml, and the published weights that its fronts are made for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, Key

PUBLISHED = "published"  # of training.pretrained
Options = Mapping[str, Any]


@dataclass(frozen=True, config=CLOSED)
class DetectorParams:
    """Which detector, and its keyword arguments."""

    name: str = Field(default="probes", description="a key of models.detectors.DETECTORS")
    options: Mapping[Key, Any] = Field(
        default_factory=dict, description="keyword arguments of its class"
    )


def published_for(detector: str, options: Options) -> tuple[str, ...]:
    """Names of `antiphon fronts list`, one for each front of a detector; none where there is none.

    Options are as in params.yaml: what is missing has its default, and what is wrong is refused
    where the detector is built. A front of sizes of its own has no published weights.
    """
    names = _FRONTS[detector](options) if detector in _FRONTS else ()
    return tuple(dict.fromkeys(names))


def _whisper(options: Options) -> Iterator[str]:
    if not options.get("sizes"):
        yield f"whisper-{options.get('size', 'base')}"


def _speaker(_: Options) -> Iterator[str]:
    yield "campplus"


def _probes(options: Options) -> Iterator[str]:
    if options.get("layers", True):
        yield from _whisper(options)
    if options.get("blocks", True):
        yield from _speaker(options)


def _ensemble(options: Options) -> Iterator[str]:
    members = options.get("members")
    for member in members if isinstance(members, list | tuple) else ():
        if isinstance(member, Mapping) and "folder" not in member:
            inside = member.get("options")
            options_inside = inside if isinstance(inside, Mapping) else {}
            yield from published_for(str(member.get("name")), options_inside)


_FRONTS: dict[str, Callable[[Options], Iterator[str]]] = {
    "whisper": _whisper,
    "whisper-aasist": _whisper,
    "speaker": _speaker,
    "probes": _probes,
    "ensemble": _ensemble,
}
