"""The places of this machine's settings, ready to use."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sqlalchemy import Engine

from flows.cycle import Champion
from infra import registry
from infra.database import open_database
from infra.model_versions import ModelVersion
from infra.settings import Settings, settings
from models.compute.cores import usable_cores
from models.errors import InputError
from models.files.manifest import verify
from models.packaging.remembered import EmbeddingMemory
from models.params.retraining import ReviewParams
from models.params.tree import Params, read_params


def engine() -> Engine:
    """The database of antiphon's own tables."""
    return open_database(settings().database_url)


def current_params() -> Params:
    """params.yaml, as the settings name it."""
    return read_params(settings().params_file)


def review_params() -> ReviewParams:
    """`review` of params.yaml, or the defaults where there is no such file."""
    return current_params().review if settings().params_file.exists() else ReviewParams()


def embedding_memory() -> EmbeddingMemory:
    """What backbones of full and fast cycles have made of windows."""
    return EmbeddingMemory(settings().state_dir / "embeddings", usable_cores())


def version_folder(here: Settings, version: ModelVersion) -> Path:
    """Where a version of the registry is kept on this machine once it was fetched.

    Where its files come from tells apart equal numbers of two registries, or of one made anew.
    """
    source = hashlib.sha256(version.source.encode()).hexdigest()[:8]
    return here.state_dir / "versions" / f"{version.version}-{source}"


def fetch_champion() -> Champion | None:
    """The champion with its verified folder; None where there is none.

    Raises UnreachableError where the registry cannot be reached.
    """
    version = registry.champion()
    if version is None:
        return None
    folder = registry.fetch(version.version, version_folder(settings(), version))
    verify(folder)
    return Champion(version.version, folder)


def fetch_version(version: int | None) -> tuple[Path, int]:
    """The detector folder of a registered version, or of the champion; and its number."""
    if version is None:
        champion = fetch_champion()
        if champion is None:
            raise InputError("no champion in the registry yet; --weights DIR expected")
        return champion.folder, champion.version
    folder = registry.fetch(version, version_folder(settings(), registry.version(version)))
    verify(folder)
    return folder, version
