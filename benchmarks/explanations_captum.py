"""Claim: captum gives the same maps as the methods here, except Grad-CAM's, in the same time.

    pip install "captum==0.9.0"
    OMP_NUM_THREADS=1 python -m benchmarks.explanations_captum CORPUS AASIST.pth [--trials 4]

Both sides explain the middle second of the same eval trials in turns, with the same number of
steps, draws and windows at a time. Printed are medians over trials: Pearson's correlation of both
maps, the largest difference over the largest value, and the ratio of processor times, captum's over
ours; for integrated gradients also what the sum of each map lacks of the score less that of
silence, by our midpoints and by captum's own rule (Gauss-Legendre) at the same number of steps.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from captum.attr import FeatureAblation, IntegratedGradients, LayerGradCam, NoiseTunnel, Saliency
from torch import Tensor

from benchmarks.explanations import _drawn, _stretch
from models.compute.memory import retained_memory
from models.compute.memory_format import channels_innermost
from models.explanations import EXPLANATIONS
from models.explanations.explanation import Map, Numbers
from models.explanations.grad_cam import rows_of
from models.explanations.integrated_gradients import STEPS
from models.explanations.smoothgrad import DRAWS, SNR_DB
from models.explanations.stretch import BATCH, ScoredStretch
from models.explanations.time_frequency import (
    BINS,
    FRAME,
    HOP,
    folded,
    from_points,
    summed,
    taken_apart,
    to_points,
)
from models.packaging.checkpoint import import_weights, load_detector

SAMPLE_RATE = 16_000  # Hz


def integrated_gradients(stretch: ScoredStretch, _: Map, rule: str = "riemann_middle") -> Numbers:
    """Cells of frequency and time, by captum."""
    method = IntegratedGradients(stretch.evidence, multiply_by_inputs=False)
    gradient = method.attribute(
        stretch.waveform[None], n_steps=STEPS, method=rule, internal_batch_size=BATCH
    )
    return _cells(stretch, gradient)


def smoothgrad(stretch: ScoredStretch, _: Map) -> Numbers:
    """Cells of frequency and time, by captum; it draws from the global generator."""
    spread = float(stretch.waveform.square().mean().sqrt()) * 10 ** (-SNR_DB / 20)
    torch.manual_seed(stretch.seed)
    gradient = NoiseTunnel(Saliency(stretch.evidence)).attribute(
        stretch.waveform[None], nt_type="smoothgrad", nt_samples=DRAWS,
        nt_samples_batch_size=BATCH, stdevs=spread, abs=False,
    )  # fmt: skip
    return _cells(stretch, gradient)


def grad_cam(stretch: ScoredStretch, _: Map) -> Numbers:
    """Rows and cells, by captum, which knows no map whose magnitudes alone are read."""
    layer = stretch.detector.map_layer()
    assert layer is not None
    method = LayerGradCam(stretch.evidence, stretch.detector.get_submodule(layer.module))
    waveform = stretch.waveform[None].clone().requires_grad_()
    columns = method.attribute(waveform, relu_attributions=False)[0, 0].detach()
    rows, _edges = rows_of((columns.mT if layer.time_first else columns).double().numpy(), layer)
    return folded(rows, layer.first, layer.hop, len(stretch.waveform), stretch.samples)


def occlusion(stretch: ScoredStretch, own: Map) -> Numbers:
    """Tiles, by captum's ablation of features that are tiles of the short-time spectrum."""
    points = torch.view_as_real(to_points(stretch.waveform[None]))
    bands = _tile_of(np.arange(BINS) * SAMPLE_RATE / FRAME, own.edges_hz)
    times = _tile_of(np.arange(points.shape[2]) * HOP / SAMPLE_RATE, own.edges_s)
    wide = len(own.edges_s) - 1
    tiles = torch.from_numpy(bands[:, None] * wide + times)
    whole = [torch.from_numpy(bands[:, None]), torch.from_numpy(times[None])]

    def evidence(real: Tensor) -> Tensor:
        return stretch.evidence(from_points(torch.view_as_complex(real), len(stretch.waveform)))

    def effects(mask: Tensor) -> Tensor:
        mask = mask[None, :, :, None].expand_as(points).contiguous()
        return FeatureAblation(evidence).attribute(
            points, feature_mask=mask, perturbations_per_eval=BATCH
        )[0, ..., 0]

    with torch.no_grad():
        by_tile, *_ = (effects(mask) for mask in (tiles, *whole))  # own maps have whole bands too
    return np.asarray(by_tile[np.ix_(_first(bands), _first(times))])


METHODS: dict[str, Callable[[ScoredStretch, Map], Numbers]] = {
    "integrated-gradients": integrated_gradients,
    "smoothgrad": smoothgrad,
    "grad-cam": grad_cam,
    "occlusion": occlusion,
}


def main() -> None:
    """Explain each trial by both sides, and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="benchmarks.explanations_captum")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--trials", type=int, default=4)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        import_weights("aasist", arguments.weights, Path(folder) / "detector")
        detector = load_detector(Path(folder) / "detector").eval()
    clips = _drawn(arguments.corpus, arguments.trials)
    rows: dict[str, list[list[float]]] = defaultdict(list)
    gaps: list[list[float]] = []
    with retained_memory(), channels_innermost([detector]):
        for index in range(len(clips)):
            stretch = _stretch(detector, clips, index, SAMPLE_RATE)
            for name in METHODS:
                rows[name].append(_compared(name, stretch))
            gaps.append(_gaps(stretch))
    sys.stdout.write("| method | correlation | difference | time |\n|---|---|---|---|\n")
    for name, figures in rows.items():
        correlation, difference, ratio = np.median(figures, axis=0)
        sys.stdout.write(f"| {name} | {correlation:.4f} | {difference:.1g} | {ratio:.2f} |\n")
    whole, middle, gauss = np.median(np.abs(gaps), axis=0)
    sys.stdout.write(f"gap of {whole:.2f}: midpoints {middle:.3f}, Gauss-Legendre {gauss:.3f}\n")


def _compared(name: str, stretch: ScoredStretch) -> list[float]:
    """Correlation, largest difference and ratio of times."""
    begin = time.process_time()
    own = EXPLANATIONS[name](stretch)
    middle = time.process_time()
    assert isinstance(own, Map)
    values = METHODS[name](stretch, own)
    ratio = (time.process_time() - middle) / (middle - begin)
    difference = np.abs(own.values - values).max() / np.abs(own.values).max()
    correlation = np.corrcoef(own.values.ravel(), values.ravel())[0, 1]
    return [float(correlation), float(difference), ratio]


def _gaps(stretch: ScoredStretch) -> list[float]:
    """The score less that of silence, and what two rules of integration leave of it."""
    own = EXPLANATIONS["integrated-gradients"](stretch)
    assert isinstance(own, Map)
    silence = torch.zeros_like(stretch.waveform)
    ends = stretch.ask(torch.stack([silence, stretch.waveform]))
    whole = float(ends[1] - ends[0])
    gauss = integrated_gradients(stretch, own, "gausslegendre")
    return [whole, own.figures["gap"], whole - float(gauss.sum())]


def _cells(stretch: ScoredStretch, gradient: Tensor) -> Numbers:
    parts = taken_apart(stretch.waveform, gradient[0].float())
    return summed(parts.numpy(), len(stretch.waveform))


def _tile_of(places: Numbers, edges: Numbers) -> np.ndarray:
    return (np.searchsorted(edges, places, side="right") - 1).clip(0, len(edges) - 2)


def _first(tiles: np.ndarray) -> np.ndarray:
    """The first place of each tile."""
    return np.unique(tiles, return_index=True)[1]


if __name__ == "__main__":
    main()
