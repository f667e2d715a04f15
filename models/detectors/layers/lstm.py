"""Long short-term memory that can be exported for sequences of any length."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.onnx.ops import symbolic_multi_out

_FLOAT = 1  # of ONNX's data types
_OPSET = 14  # that defines the operator LSTM of every later one


class Lstm(nn.Module):
    """One LSTM layer over (batch, steps, features) -> (batch, steps, units of all directions).

    torch's exporter writes an LSTM out step by step, which fixes the number of steps. In a graph
    this layer is ONNX's own operator instead.
    """

    def __init__(self, features: int, units: int, *, bidirectional: bool = False) -> None:
        super().__init__()
        self.layer = nn.LSTM(features, units, batch_first=True, bidirectional=bidirectional)
        self.suffixes = ("", "_reverse") if bidirectional else ("",)  # of the names of weights

    def forward(self, steps: Tensor) -> Tensor:
        """The output of every step; forward and backward side by side."""
        if torch.onnx.is_in_onnx_export():
            return self._operator(steps)
        out: Tensor = self.layer(steps)[0]
        return out

    def _operator(self, steps: Tensor) -> Tensor:
        weights, recurrence = self._of_directions("weight_ih"), self._of_directions("weight_hh")
        biases = [self._of_directions("bias_ih"), self._of_directions("bias_hh")]
        steps = steps.transpose(0, 1)
        length, batch, _ = steps.shape
        directions, units = len(self.suffixes), self.layer.hidden_size
        states = (directions, batch, units)
        out, _, _ = symbolic_multi_out(
            "LSTM",
            (steps, weights, recurrence, torch.cat(biases, dim=1)),
            {"hidden_size": units, "direction": "forward" if directions == 1 else "bidirectional"},
            dtypes=(_FLOAT, _FLOAT, _FLOAT),
            shapes=((length, directions, batch, units), states, states),
            version=_OPSET,
        )
        return out.permute(2, 0, 1, 3).flatten(2)  # from (steps, directions, batch, units)

    def _of_directions(self, kind: str) -> Tensor:
        """(directions, 4 · units, …): torch's gates (i, f, c, o) in ONNX's order (i, o, f, c)."""
        both: list[Tensor] = [
            self.layer.get_parameter(f"{kind}_l0{suffix}") for suffix in self.suffixes
        ]
        rows = torch.arange(4 * self.layer.hidden_size).reshape(4, -1)
        return torch.stack(both)[:, rows[[0, 3, 1, 2]].flatten()]
