"""Gated recurrence that can be exported for sequences of any length."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.onnx.ops import symbolic_multi_out

_FLOAT = 1  # of ONNX's data types
_OPSET = 14  # that defines the operator GRU of every later one


class Gru(nn.GRU):
    """Layers of GRU over (batch, steps, features) -> the last step's output (batch, units).

    torch's exporter writes a GRU out step by step, which fixes the number of steps. In a graph each
    layer is ONNX's own operator instead.
    """

    def __init__(self, features: int, units: int, layers: int) -> None:
        super().__init__(features, units, layers, batch_first=True)

    def forward(self, steps: Tensor) -> Tensor:
        """The output of the last layer at the last step."""
        if torch.onnx.is_in_onnx_export():
            return self._operators(steps)
        out, _ = super().forward(steps)  # type: ignore[has-type]  # overloaded in torch's own way
        last: Tensor = out[:, -1]
        return last

    def _operators(self, steps: Tensor) -> Tensor:
        steps = steps.transpose(0, 1)  # (steps, batch, features), as ONNX wants it
        for layer in range(self.num_layers):
            out, last = self._operator(steps, layer)
            steps = out.squeeze(1)
        return last.squeeze(0)

    def _operator(self, steps: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """Outputs (steps, 1, batch, units) and last outputs (1, batch, units) of one layer."""
        order = self._gates()
        weights, recurrence, *biases = (
            self.get_parameter(f"{kind}_l{layer}")[order]
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        length, batch, _ = steps.shape
        out, last = symbolic_multi_out(
            "GRU",
            (steps, weights[None], recurrence[None], torch.cat(biases)[None]),
            {"hidden_size": self.hidden_size, "linear_before_reset": 1},  # as torch computes it
            dtypes=(_FLOAT, _FLOAT),
            shapes=((length, 1, batch, self.hidden_size), (1, batch, self.hidden_size)),
            version=_OPSET,
        )
        return out, last

    def _gates(self) -> Tensor:
        """Rows of torch's gates (reset, update, new) in ONNX's order (update, reset, new)."""
        rows = torch.arange(3 * self.hidden_size).reshape(3, -1)
        return rows[[1, 0, 2]].flatten()
