"""Corpora that tell their keys by folders alone: the words that people give such folders."""

from __future__ import annotations

from models.trials import Label, Partition

CLASSES = {
    "bonafide": Label.BONAFIDE,
    "bona-fide": Label.BONAFIDE,
    "bona_fide": Label.BONAFIDE,
    "real": Label.BONAFIDE,
    "spoof": Label.SPOOF,
    "fake": Label.SPOOF,
}
PARTITIONS = {
    "train": Partition.TRAIN,
    "training": Partition.TRAIN,
    "dev": Partition.DEV,
    "development": Partition.DEV,
    "valid": Partition.DEV,
    "validation": Partition.DEV,
    "eval": Partition.EVAL,
    "evaluation": Partition.EVAL,
    "test": Partition.EVAL,
    "testing": Partition.EVAL,
}


def class_at(parts: tuple[str, ...]) -> int | None:
    """Where in a folder's names the first name of a class stands; None where none does."""
    return next((i for i, part in enumerate(parts) if part.casefold() in CLASSES), None)


def partition_of_parts(parts: tuple[str, ...]) -> Partition | None:
    """The partition named by the last of a folder's names that is a partition."""
    return next(
        (PARTITIONS[part.casefold()] for part in reversed(parts) if part.casefold() in PARTITIONS),
        None,
    )
