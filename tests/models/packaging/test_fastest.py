"""The runtime of a detector is that which is fastest here, among those that are right."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import InputError
from models.packaging.fastest import RuntimeChoice, open_fastest
from models.packaging.runtime import DEFAULT_RUNTIME, RUNTIMES, Infer, OpenGraph, Outputs

SLOW_S = 0.05  # far more than a window of the small graph takes


def changed(runtime: str, *, delay_s: float = 0.0, shift: float = 0.0) -> OpenGraph:
    """A runtime that is real, but takes longer, or gives other logits."""

    def open_graph(graph: Path, samples: int | None, threads: int) -> Infer:
        infer = RUNTIMES[runtime](graph, samples, threads)

        def slower(windows: NDArray[np.float32]) -> Outputs:
            time.sleep(delay_s)
            logits, embeddings = infer(windows)
            return logits + np.float32([0, shift]), embeddings

        return slower

    return open_graph


def choice_of(versions: dict[int, Path], **runtimes: OpenGraph) -> RuntimeChoice:
    return open_fastest(versions[2], runtimes=runtimes)[1]


def test_the_faster_runtime_serves(versions: dict[int, Path]) -> None:
    slow, fast = changed("onnxruntime", delay_s=SLOW_S), RUNTIMES["openvino"]
    choice = choice_of(versions, onnxruntime=slow, openvino=fast)
    assert (choice.runtime, choice.is_measured) == ("openvino", True)
    times = {trial.runtime: trial.window_s for trial in choice.trials}
    assert times["onnxruntime"] is not None
    assert times["onnxruntime"] >= SLOW_S
    assert "openvino" in choice.sentence()


def test_the_default_stays_where_the_gain_is_small(versions: dict[int, Path]) -> None:
    same = changed("onnxruntime", delay_s=SLOW_S)
    choice = choice_of(versions, other=same, **{DEFAULT_RUNTIME: same})
    assert choice.runtime == DEFAULT_RUNTIME


def test_a_fast_runtime_that_gives_other_scores_does_not_serve(versions: dict[int, Path]) -> None:
    wrong, slow = changed("openvino", shift=1.0), changed("onnxruntime", delay_s=SLOW_S)
    choice = choice_of(versions, openvino=wrong, onnxruntime=slow)
    assert choice.runtime == "onnxruntime"
    (refused,) = [trial for trial in choice.trials if trial.refusal]
    assert refused.runtime == "openvino"
    assert "expected, found" in choice.sentence()


def test_nothing_is_served_where_every_runtime_is_wrong(versions: dict[int, Path]) -> None:
    with pytest.raises(InputError, match="within"):
        choice_of(versions, onnxruntime=changed("onnxruntime", shift=1.0))


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_setting_overrides_the_measurement(versions: dict[int, Path], name: str) -> None:
    detector, choice = open_fastest(versions[2], runtime=name)
    assert (choice.runtime, choice.is_measured, choice.trials) == (name, False, ())
    assert np.isfinite(detector.run(np.zeros((1, 8_000), np.float32))[0]).all()
