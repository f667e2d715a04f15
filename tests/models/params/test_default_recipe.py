"""params.yaml and the code have the same recipe."""

from __future__ import annotations

from pathlib import Path

from models.params.tree import Params, read_params

ROOT = Path(__file__).resolve().parents[3]


def test_what_code_assumes_is_what_the_file_says() -> None:
    params = read_params(ROOT / "params.yaml")
    assert params.training == Params().training
    assert params.adversarial == Params().adversarial
