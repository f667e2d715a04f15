"""Who is heard in which partition of the starter corpus: no speaker is in two of them.

Dev and eval have sources that train lacks. Rooms of Flight of the Amazon Queen and characters of
Fish Fillets, whose actors nobody wrote down, are speakers; those named here are not in train.
"""

from __future__ import annotations

from flows.demo.corpora.find_recordings import Recording
from flows.demo.corpora.synthesisers.voices import Part
from models.trials import Partition

SOURCES_APART: dict[str, Part] = {
    "asterisk_it": Part.DEV,
    "tuxpaint_ro": Part.DEV,
    "hedgewars_uk": Part.DEV,
    "warzone_taunts": Part.DEV,
    "asterisk_ru": Part.EVAL,
    "tuxpaint_ca": Part.EVAL,
    "tuxpaint_es": Part.EVAL,
    "hedgewars_pl": Part.EVAL,
    "hedgewars_russian_pl": Part.EVAL,
    "trigger_rally": Part.EVAL,
}


def _rooms(numbers: str, part: Part) -> dict[str, Part]:
    return {f"fotaq_room{number}": part for number in numbers.split()}


SPEAKERS_APART: dict[str, Part] = {
    **_rooms("69 19 12 35 54 80 07 21 04 18 67 16", Part.DEV),
    **_rooms("26 24 42 61 38 60 36 49 23 06 20 53 37 34 15", Part.EVAL),
    "fotaq_joe": Part.EVAL,
    "fillets_viking5": Part.DEV,
    "fillets_viking6": Part.DEV,
    "fillets_statue": Part.EVAL,
    "fillets_robot": Part.EVAL,
    "fillets_director": Part.EVAL,
    "fillets_viking2": Part.EVAL,
}
PARTITIONS: dict[Part, Partition] = {
    Part.TRAIN: Partition.TRAIN,
    Part.DEV: Partition.DEV,
    Part.EVAL: Partition.EVAL,
}


def part_of(recording: Recording) -> Part:
    """The part that hears a recording."""
    apart = SOURCES_APART.get(recording.source)
    return apart or SPEAKERS_APART.get(recording.speaker_id, Part.TRAIN)
