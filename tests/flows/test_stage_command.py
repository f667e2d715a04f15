"""`python -m flows.stages NAME`, where there is nothing to work on."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows import stages


@pytest.mark.parametrize(
    "arguments,words",
    [
        ([], "one stage expected: prepare, train"),
        (["deploy"], "one stage expected: prepare, train"),
        (["prepare"], "data: no corpus here"),
        (["train"], "packed clips expected there"),
    ],
)
def test_a_stage_that_cannot_begin_says_so_in_one_sentence(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("detector: {name: aasist}\n")
    assert stages.main(arguments) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert words in sentence
