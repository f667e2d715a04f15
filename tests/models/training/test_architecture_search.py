"""The search: what moves whom, what is seen, and that it finds an operation that is worth more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from models.data.clips import Clips
from models.detectors import resolve_options
from models.detectors.light_darts.supernet import SuperNet, supernet_like
from models.errors import InputError
from models.params.search import SearchParams
from models.params.training import TrainingParams
from models.params.tree import Params
from models.params.window import WindowParams
from models.training.architecture_search import _CellSearch, halves, search_architecture
from models.trials import Trial

MEL = {"features": "mel", "feature_options": {"bands": 8, "hop": 640}, "readout_dropout": 0.0}


def supernet() -> SuperNet:
    torch.manual_seed(1)
    return supernet_like(resolve_options("light-darts", MEL), cells=2, channels=2, nodes=1)


def clips(seed: int, count: int = 6) -> Clips:
    """People who are noise, and two attacks that are tones."""
    rng = np.random.default_rng(seed)
    trials, waveforms = [], []
    for number in range(2 * count):
        attack = (None, "A1", None, "A2")[number % 4]
        trials.append(Trial(f"{seed}-{number}", None, attack))  # type: ignore[arg-type]
        tone = np.sin(np.arange(8_000) * rng.uniform(0.2, 0.4))
        wave = 0.1 * rng.standard_normal(8_000) if attack is None else 0.1 * tone
        waveforms.append(wave.astype(np.float32))
    return Clips.from_arrays(trials, waveforms)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few steps are enough to move the alphas."""
    monkeypatch.setattr("models.training.architecture_search.ALPHA_RATE", 0.05)


def asked(**search: object) -> Params:
    training = TrainingParams(batch_size=4, crop_samples=8_000, bonafide_weight=0.5)
    settings = {"steps": 4, **search}
    return Params(
        window=WindowParams(samples=8_000, hop=8_000),
        training=training,
        search=SearchParams(**settings),  # type: ignore[arg-type]
    )


def alphas(net: SuperNet) -> Tensor:
    return torch.cat([alpha.detach().flatten().clone() for alpha in net.alphas.values()])


@pytest.mark.parametrize("order", ["first", "second"])
def test_the_architecture_waits_and_then_learns_and_the_same_search_finds_the_same(
    order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    genotypes, states = [], []
    for warmup in (0.99, 0.5, 0.5):
        net = supernet()
        before = alphas(net)
        monkeypatch.setattr("models.training.architecture_search.WARMUP", warmup)
        params = asked(order=order)
        genotypes.append(search_architecture(net, clips(1), clips(2), params))
        states.append(alphas(net))
        assert torch.equal(alphas(net), before) == (warmup == 0.99)
    assert genotypes[1] == genotypes[2]
    assert torch.equal(states[1], states[2])
    steps = [epoch.step for epoch in genotypes[1].history]
    assert steps == [1, 2, 3, 4]
    assert [epoch.architecture_loss is None for epoch in genotypes[1].history] == [True] * 2 + [
        False
    ] * 2


def test_the_second_order_is_the_gradient_through_one_step_of_the_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Against automatic differentiation through that step, in place of finite differences.

    Over a shorter difference than published: maxima have kinks.
    """
    monkeypatch.setattr("models.training.architecture_search.DIFFERENCE", 1e-5)
    net = supernet().double()
    monkeypatch.setattr("models.training.architecture_search.MOMENTUM", 0.0)
    monkeypatch.setattr("models.training.architecture_search.WEIGHT_DECAY", 0.0)
    params = asked()
    search = _CellSearch(net.train(), clips(1), clips(2), params, torch.device("cpu"))
    batches = [search._batch(sampler, 0) for sampler in (search.of_weights, search.of_alphas)]
    here, there = [(waveforms.double(), labels) for waveforms, labels in batches]
    rate = 0.05
    names = {id(weight): name for name, weight in net.named_parameters()}
    loss = search.loss(net(here[0]), here[1])
    slopes = torch.autograd.grad(loss, search.weights, create_graph=True, materialize_grads=True)
    ahead = {
        names[id(weight)]: weight - rate * slope
        for weight, slope in zip(search.weights, slopes, strict=True)
    }
    after = search.loss(torch.func.functional_call(net, ahead, there[0]), there[1])
    expected = torch.autograd.grad(after, search.alphas, materialize_grads=True)
    before = [weight.detach().clone() for weight in search.weights]
    search._ahead(here, there, rate)
    largest = max(float(slope.abs().max()) for slope in expected)
    for alpha, slope in zip(search.alphas, expected, strict=True):
        assert alpha.grad is not None  # a central difference is nearer than it is wide
        torch.testing.assert_close(alpha.grad, slope, rtol=0, atol=1e-5 * largest)
    assert all(torch.equal(w, b) for w, b in zip(search.weights, before, strict=True))


def test_an_operation_that_helps_gains_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the edges of a cell without learnt convolutions elsewhere, saying nothing must lose."""
    net = supernet()
    monkeypatch.setattr("models.training.architecture_search.WARMUP", 0.2)
    params = asked(steps=60, learning_rate=0.1)
    result = search_architecture(net, clips(1, 16), clips(2, 16), params)
    losses = [epoch.train_loss for epoch in result.history]
    assert losses[-1] < 0.7 * losses[0]
    assert result.history[-1].decidedness > result.history[0].decidedness


def test_halves_of_train_share_no_clip_and_every_attack() -> None:
    whole = clips(1, 8)
    first, second = halves(whole, seed=3)
    assert set(first.utterance_ids) | set(second.utterance_ids) == set(whole.utterance_ids)
    assert not set(first.utterance_ids) & set(second.utterance_ids)
    assert set(first.attack_ids) == set(second.attack_ids) == {None, "A1", "A2"}
    assert halves(whole, seed=3)[0].utterance_ids == first.utterance_ids


def test_what_cannot_be_searched_is_refused_in_one_sentence() -> None:
    params = asked()
    people = clips(2).take([0, 2, 4])
    with pytest.raises(InputError, match="bonafide and spoof clips expected"):
        search_architecture(supernet(), clips(1), people, params)
    auto = replace(params, training=replace(params.training, batch_size=0))
    with pytest.raises(InputError, match=r"training\.batch_size: a number expected"):
        search_architecture(supernet(), clips(1), clips(2), auto)
    net = supernet()
    with torch.no_grad():
        net.out_layer.weight.fill_(float("inf"))
    with pytest.raises(InputError, match=r"the search diverged: .*; a lower search\.learning_rate"):
        search_architecture(net, clips(1), clips(2), params)
