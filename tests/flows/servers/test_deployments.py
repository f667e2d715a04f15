"""What the Prefect server is told to run."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize(("force", "trigger"), [("false", "schedule"), ("true", "forced")])
def test_the_schedule_forces_its_cycles_only_if_it_is_told_to(
    force: str,
    trigger: str,
    state: Path,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from flows.cycle import CycleRequest
    from flows.servers.deployments import deployments

    monkeypatch.setenv("ANTIPHON_RETRAINING_FORCE", force)
    retraining, *_ = deployments()
    assert CycleRequest(**retraining.parameters["request"]).trigger == trigger
