"""`antiphon search`: a corpus and params.yaml in, a genotype out.

OUT, a YAML file:
    genotype:   what the option `genotype` of light-darts takes
    found:      on which trials and with which parameters, and how the search went
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flows.candidate.devices import device_here
from flows.candidate.packing import pack_partitions
from models.errors import InputError
from models.files.whole_files import write_text
from models.params.tree import Params
from models.trials import Partition

if TYPE_CHECKING:
    from models.detectors.light_darts.supernet import SuperNet
    from models.training.architecture_search import SearchResult

DETECTOR = "light-darts"  # whose cells are searched
NODES = 4  # of a cell, as published
PARTITIONS = (Partition.TRAIN, Partition.DEV)  # that are heard
SECTIONS = ("search", "window", "augmentation")  # of params.yaml that a search depends on
# of `training`, likewise
TRAINING = ("loss", "bonafide_weight", "batch_size", "crop_samples", "balanced", "seed")


@dataclass(frozen=True)
class ArchitectureSearch:
    """What was asked for."""

    protocol: str
    root: Path
    out: Path


def search_genotype(search: ArchitectureSearch, params: Params) -> dict[str, Any]:
    """Search on train and dev of a corpus, write OUT and return what it holds.

    Eval is neither searched on nor read. Raises InputError where the corpus or a parameter is
    unusable.
    """
    import yaml

    from models.training.architecture_search import halves, search_architecture  # torch

    if params.detector.name != DETECTOR:
        raise InputError(f"detector.name: {DETECTOR} expected, found {params.detector.name}")
    with TemporaryDirectory() as scratch:
        packed = pack_partitions(
            search.protocol, search.root, params.data, PARTITIONS, Path(scratch)
        )
        hashes = {str(p): clips.trials_hash for p, clips in zip(PARTITIONS, packed, strict=True)}
        train, other = packed
        if params.search.architecture_from == "train":
            train, other = halves(train, params.training.seed)
        result = search_architecture(
            _supernet(params), train, other, params, device_here(), progress=True
        )
    document = _document(search, params, hashes, result)
    search.out.parent.mkdir(parents=True, exist_ok=True)
    # the lists of a node on one line, as a person would write them
    write_text(
        search.out, yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=100)
    )
    return document


def _supernet(params: Params) -> SuperNet:
    """The detector of `params` with all operations on every edge, and the sizes of `search`."""
    from models.detectors import resolve_options  # torch
    from models.detectors.first_weights import give_pretrained
    from models.detectors.light_darts.supernet import supernet_like
    from models.training.train import seed_everything

    seed_everything(params.training.seed)
    supernet = supernet_like(
        resolve_options(DETECTOR, params.detector.options),
        cells=params.search.cells,
        channels=params.search.channels,
        nodes=NODES,
    )
    supernet.name = DETECTOR
    give_pretrained(supernet, params)
    return supernet


def _document(
    search: ArchitectureSearch,
    params: Params,
    hashes: Mapping[str, str],
    result: SearchResult,
) -> dict[str, Any]:
    everything = asdict(params)
    options = {k: v for k, v in everything["detector"]["options"].items() if k != "genotype"}
    return {
        "genotype": result.genotype.written(),
        "found": {
            "protocol": search.protocol,
            "trials": dict(hashes),
            "options": options,
            **{section: everything[section] for section in SECTIONS},
            "training": {key: everything["training"][key] for key in (*TRAINING, "pretrained")},
            "history": [asdict(epoch) for epoch in result.history],
        },
    }
