"""The operator of the graph against torch's LSTM."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest
import torch

from models.detectors.layers.lstm import Lstm
from tests.tolerances import assert_equal_but_for_rounding, in_float64


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # torch 2.11 of itself
@pytest.mark.parametrize("bidirectional", [False, True])
def test_an_exported_lstm_answers_as_torch_does_at_any_length(
    tmp_path: Path, bidirectional: bool
) -> None:
    torch.manual_seed(1)
    layer = Lstm(5, 7, bidirectional=bidirectional).eval()
    size = {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("steps", min=1)}
    program = torch.onnx.export(
        layer, (torch.zeros(3, 11, 5),), dynamic_shapes={"steps": size}, dynamo=True, verbose=False
    )
    assert program is not None
    program.save(tmp_path / "lstm.onnx", external_data=False)
    session = onnxruntime.InferenceSession(tmp_path / "lstm.onnx")
    for batch, steps in [(1, 1), (2, 40), (5, 400)]:
        sequence = torch.randn(batch, steps, 5)
        with torch.inference_mode():
            expected, exact = layer(sequence), in_float64(layer)(sequence.double())
        assert expected.shape == (batch, steps, 14 if bidirectional else 7)
        (out,) = session.run(None, {session.get_inputs()[0].name: sequence.numpy()})
        assert_equal_but_for_rounding(out, expected, exact)
