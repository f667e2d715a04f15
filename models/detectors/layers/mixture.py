"""Gaussian mixtures with diagonal covariance: fitted by scikit-learn, evaluated by torch."""

from __future__ import annotations

import logging
import math
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.detectors.fitted import estimated

_KMEANS_BATCH = 4_096  # frames
_KMEANS_PASSES = 5  # EM does the rest
_log = logging.getLogger(__name__)


class Mixture(nn.Module):
    """p(x) = Σ wₖ N(x; μₖ, diag σₖ²); drawn by chance until it is fitted."""

    def __init__(self, components: int, bins: int) -> None:
        super().__init__()
        self.log_weights = estimated(torch.full((components,), -math.log(components)))
        self.means = estimated(torch.randn(components, bins))
        self.variances = estimated(torch.ones(components, bins))

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood (b, t) and posteriors (b, components, t) of frames (b, bins, t).

        Squares are multiplied out, so that two products of matrices do all the work.
        """
        precisions = 1.0 / self.variances
        spread = (self.variances.log() + self.means**2 * precisions).sum(dim=1)
        offset = self.log_weights - 0.5 * (spread + self.means.shape[1] * math.log(2 * math.pi))
        joint = (self.means * precisions) @ frames - (0.5 * precisions) @ frames**2
        joint = joint + offset[:, None]  # (b, components, t)
        highest = joint.amax(dim=1, keepdim=True)
        shares = (joint - highest).exp()
        total = shares.sum(dim=1, keepdim=True)
        return (highest + total.log()).squeeze(1), shares / total

    def fit(self, frames: NDArray[np.float32], iterations: int, floor: float, seed: int) -> None:
        """Maximum likelihood by EM from k-means, of frames (n, bins), n at least `components`.

        `floor` is added to every variance. EM stops after `iterations`, or sooner where it gains
        less than 1e-3 a frame.
        """
        from sklearn.exceptions import ConvergenceWarning  # to answer needs none of it
        from sklearn.mixture import GaussianMixture

        weights, means, variances = _clusters(frames, len(self.means), floor, seed)
        model = GaussianMixture(
            len(self.means),
            covariance_type="diag",
            reg_covar=floor,
            max_iter=iterations,
            weights_init=weights,
            means_init=means,
            precisions_init=1.0 / variances,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of iterations is meant
            model.fit(frames)
        tiny = np.finfo(np.float32).tiny  # a component without frames
        self.log_weights.copy_(torch.from_numpy(np.log(np.maximum(model.weights_, tiny))))
        self.means.copy_(torch.from_numpy(model.means_))
        self.variances.copy_(torch.from_numpy(model.covariances_))
        _log.info(
            "%d components from %d frames: %.3f nats a frame after %d iterations",
            len(self.means), len(frames), model.lower_bound_, model.n_iter_,
        )  # fmt: skip


def _clusters(
    frames: NDArray[np.float32], count: int, floor: float, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Shares (count,), means and variances (count, bins) of the clusters of k-means."""
    from sklearn.cluster import MiniBatchKMeans

    size = min(_KMEANS_BATCH, len(frames))
    model = MiniBatchKMeans(
        count, n_init=1, max_iter=_KMEANS_PASSES, batch_size=size, random_state=seed
    ).fit(frames)
    members = np.bincount(model.labels_, minlength=count).astype(np.float32)
    order = np.argsort(model.labels_, kind="stable")
    ends = np.cumsum(members).astype(np.int64)
    variances = np.ones((count, frames.shape[1]), np.float32)  # of all frames together
    means = model.cluster_centers_.astype(np.float32)
    for cluster, rows in enumerate(np.split(order, ends[:-1])):
        if rows.size > 1:
            means[cluster] = frames[rows].mean(axis=0)
            variances[cluster] = frames[rows].var(axis=0) + floor
    shares = np.maximum(members, 1.0)
    return shares / shares.sum(), means, variances
