"""A corpus in the making: finished steps stay, so that the next run goes on from there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import InputError
from models.files.whole_files import write_json

Row = dict[str, Any]

REQUEST, STEPS = "corpus.json", "steps"


@dataclass(frozen=True)
class UnfinishedCorpus:
    """The folder in which a corpus is made, and the protocol lines of its finished steps."""

    folder: Path

    @classmethod
    def open(cls, out: Path, request: Mapping[str, Any]) -> UnfinishedCorpus:
        """Beside OUT; raises InputError where other arguments or versions began one there."""
        corpus = cls(out.with_name(f".{out.name}.unfinished"))
        (corpus.folder / STEPS).mkdir(parents=True, exist_ok=True)
        place = corpus.folder / REQUEST
        if not place.is_file():
            write_json(place, {"request": request})
        elif _read(place)["request"] != json.loads(json.dumps(request)):
            raise InputError(
                f"{corpus.folder}: holds an unfinished corpus of other arguments or versions, "
                "remove it or name another folder"
            )
        return corpus

    def rows(self, step: str) -> list[Row] | None:
        """The protocol lines of a finished step, None where it is not finished."""
        place = self._place(step)
        return list(_read(place)["rows"]) if place.is_file() else None

    def finish(self, step: str, rows: list[Row]) -> None:
        """Note a step as finished; its audio lies in the folder already."""
        write_json(self._place(step), {"rows": rows})

    def _place(self, step: str) -> Path:
        return self.folder / STEPS / f"{step}.json"


def _read(place: Path) -> Any:
    try:
        return json.loads(place.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{place}: JSON expected; remove {place.parent} to begin anew") from error
