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

from flows.devices import device_here
from models.errors import InputError
from models.params import Params
from models.trials import Partition, trials_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.architecture_search import SearchResult
    from models.clips import Clips
    from models.detectors.light_darts.supernet import SuperNet
    from models.trials import Trial

DETECTOR = "light-darts"  # whose cells are searched
SECTIONS = ("search", "window", "augmentation")  # of params.yaml that a search depends on
# of `training`, likewise
TRAINING = ("loss", "bonafide_weight", "batch_size", "crop_samples", "balanced", "seed")


@dataclass(frozen=True)
class ArchitectureSearch:
    """What was asked for."""

    protocol: str
    root: Path
    out: Path


def search_genotype(asked: ArchitectureSearch, params: Params) -> dict[str, Any]:
    """Search on train and dev of a corpus, write OUT and return what it holds.

    Eval is neither searched on nor read. Raises InputError where the corpus or a parameter is
    unusable.
    """
    from models.architecture_search import halves, search_architecture

    if params.detector.name != DETECTOR:
        raise InputError(f"detector.name: {DETECTOR} expected, found {params.detector.name}")
    trials = _trials(asked, params)
    with TemporaryDirectory() as scratch:
        train, dev = (_packed(trials[part], Path(scratch), part) for part in trials)
        other = dev
        if params.search.architecture_from == "train":
            train, other = halves(train, params.training.seed)
        result = search_architecture(
            _supernet(params), train, other, params, device_here(), progress=True
        )
    document = _document(asked, params, trials, result)
    _write(asked.out, document)
    return document


def _trials(asked: ArchitectureSearch, params: Params) -> dict[Partition, Sequence[Trial]]:
    from models.protocols.reading import read_protocol

    read = read_protocol(
        asked.protocol,
        asked.root,
        partition_seed=params.data.partition_seed,
        train_share=params.data.train_share,
        dev_share=params.data.dev_share,
    )
    found: dict[Partition, Sequence[Trial]] = {
        part: read.partition(part) for part in (Partition.TRAIN, Partition.DEV)
    }
    for part, trials in found.items():
        if not trials:
            raise InputError(f"{asked.root}: no {part} trials in {asked.protocol}")
    return found


def _packed(trials: Sequence[Trial], folder: Path, part: Partition) -> Clips:
    from models.audio import read_audio
    from models.clips import open_clips, pack
    from models.cores import decoding_processes

    processes = decoding_processes(len(trials))
    pack(trials, read_audio, folder, str(part), processes=processes, progress=True)
    return open_clips(folder, str(part))


def _supernet(params: Params) -> SuperNet:
    """The detector of `params` with all operations on every edge, and the sizes of `search`."""
    from models.detectors import resolve_options
    from models.detectors.light_darts.supernet import supernet_like
    from models.training import seed_everything

    seed_everything(params.training.seed)
    supernet = supernet_like(
        resolve_options(DETECTOR, params.detector.options),
        cells=params.search.cells,
        channels=params.search.channels,
        nodes=params.search.nodes,
    )
    supernet.name = DETECTOR
    if params.training.pretrained is not None:
        supernet.take_pretrained(params.training.pretrained)
    return supernet


def _document(
    asked: ArchitectureSearch,
    params: Params,
    trials: Mapping[Partition, Sequence[Trial]],
    result: SearchResult,
) -> dict[str, Any]:
    everything = asdict(params)
    options = {k: v for k, v in everything["detector"]["options"].items() if k != "genotype"}
    hashes = {
        str(part): trials_hash((trial.utterance_id, trial.attack_id) for trial in each)
        for part, each in trials.items()
    }
    return {
        "genotype": result.genotype.written(),
        "found": {
            "protocol": asked.protocol,
            "trials": hashes,
            "options": options,
            **{section: everything[section] for section in SECTIONS},
            "training": {key: everything["training"][key] for key in (*TRAINING, "pretrained")},
            "history": [asdict(epoch) for epoch in result.history],
        },
    }


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """Whole or not at all; the lists of a node on one line, as a person would write them."""
    import yaml

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    text = yaml.safe_dump(dict(document), sort_keys=False, default_flow_style=None, width=100)
    part.write_text(text, encoding="utf-8")
    part.replace(path)
