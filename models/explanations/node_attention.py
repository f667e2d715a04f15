"""Which bands and times the graphs of AASIST and its kin attend to (arXiv 2110.01200)."""

from __future__ import annotations

import torch

from models.detectors.detector import Detector
from models.detectors.layers.graph import GraphAttention, GraphPool
from models.detectors.maps import NodeLayer
from models.explanations.explanation import InapplicableError, Map, Numbers
from models.explanations.grad_cam import rows_of
from models.explanations.inside import Passed, inside
from models.explanations.stretch import ScoredStretch
from models.explanations.time_frequency import cell_edges_s, folded


def node_attention(stretch: ScoredStretch) -> Map:
    """Attention that each node of the spectral and of the temporal graph receives.

    It is the mean over the nodes that give it, times the score with which the pool after the graph
    passes the node on (zero for nodes that the pool drops), relative to an even share. The map is
    the product of both graphs. Attention has no sign: it says where the graphs looked, not whether
    that spoke for spoof or bona fide.
    """
    detector, samples = stretch.detector, len(stretch.waveform)
    layer, graphs = detector.map_layer(), {graph.along: graph for graph in detector.node_layers()}
    if layer is None or set(graphs) != {"frequency", "time"}:
        raise InapplicableError(
            f"{detector.name}: it has no two graphs whose nodes are bands and times"
        )
    names = [name for graph in graphs.values() for name in (graph.attention, graph.pool)]
    with inside(detector, names) as passed:
        stretch.ask(stretch.waveform[None])
    shares = {along: _received(detector, graph, passed) for along, graph in graphs.items()}
    spectral, temporal = shares["frequency"], shares["time"]
    over_hz, edges_hz = rows_of(spectral[:, None], layer)
    over_s = folded(temporal[None], layer.first, layer.hop, samples, stretch.samples)
    return Map(
        values=over_hz * over_s,
        edges_hz=edges_hz,
        edges_s=cell_edges_s(samples),
        unit="times an even share",
        meaning="the graphs attend to it, whatever it says",
        signed=False,
        over_hz=over_hz[:, 0],
        over_s=over_s[0],
        arrays={"spectral": spectral, "temporal": temporal},
    )


def _received(detector: Detector, graph: NodeLayer, passed: dict[str, Passed]) -> Numbers:
    """Attention (nodes,) to each node that its pool keeps; 1 is an even share of all nodes."""
    attention, pool = detector.get_submodule(graph.attention), detector.get_submodule(graph.pool)
    assert isinstance(attention, GraphAttention)
    assert isinstance(pool, GraphPool)
    with torch.no_grad():
        received = attention.attention(passed[graph.attention].input)[0].mean(dim=0)  # (nodes,)
        scores, best = pool.choose(passed[graph.pool].input)
    let_through = torch.zeros_like(received)
    nodes = best[0, :, 0]
    let_through[nodes] = scores[0, nodes, 0]
    shares = received * let_through
    relative: Numbers = (shares * len(shares) / shares.sum()).double().cpu().numpy()
    return relative
