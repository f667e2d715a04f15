"""A key, and an evidence folder that all tests read."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.evidence.folder import write_folder
from infra.settings import Settings
from infra.signing import SigningKey, signing_key
from tests.flows.evidence.examples import case_of, evidence_of, scores, verdict_of


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    """One key for all tests that read only."""
    return signing_key(Settings(state_dir=tmp_path_factory.mktemp("keys")))


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Path:
    """An evidence folder, to be read only."""
    evidence = evidence_of(scores(2.5, 1), scores(2.0, 2))
    parent = tmp_path_factory.mktemp("evidence")
    return write_folder(parent, case_of(), evidence, verdict_of(), key)[0]
