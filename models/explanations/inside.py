"""The inputs and outputs of modules within a detector while it scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from torch import Tensor, nn


class Passed(NamedTuple):
    """The first input and the output of a module."""

    input: Tensor
    output: Tensor


@contextmanager
def inside(detector: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Passed]]:
    """What last passed each named module; filled when the detector scores."""
    passed: dict[str, Passed] = {}

    def keeping(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def keep(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            passed[name] = Passed(inputs[0], output)

        return keep

    hooks = [detector.get_submodule(name).register_forward_hook(keeping(name)) for name in names]
    try:
        yield passed
    finally:
        for hook in hooks:
            hook.remove()
