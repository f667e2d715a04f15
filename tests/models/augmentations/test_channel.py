from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.augmentations import build_augmentations
from models.augmentations.codec import open_codecs
from models.augmentations.resampling import resampling
from models.augmentations.telephone_band import telephone_band
from models.data.clips import Clips
from models.errors import InputError
from models.params.augmentation import AugmentationAudioParams
from models.params.tree import Params
from models.training.sampling import Sampler
from tests.rates import at_least, at_most

DRAWS = 300
MU_LAW = AugmentationAudioParams(codecs={"g711_mulaw": 1.0})


def test_a_channel_is_one_codec_one_telephone_line_or_one_other_rate(
    voice: NDArray[np.float32],
) -> None:
    short = voice[4_000:4_800]
    channel = build_augmentations(["channel"], MU_LAW)["channel"]
    lines = (open_codecs(MU_LAW.codecs, "codecs"), telephone_band, resampling)
    counts = [0, 0, 0]
    for seed in range(DRAWS):
        out = channel(short, np.random.default_rng(seed))
        for kind, line in enumerate(lines):
            rng = np.random.default_rng(seed)
            rng.random()  # has chosen the kind
            counts[kind] += np.array_equal(out, line(short, rng))
    assert sum(counts) == DRAWS
    for count, share in zip(counts, (0.6, 0.2, 0.2), strict=True):
        low, high = (
            at_least(share, DRAWS, wrong=share - 0.15),
            at_most(share, DRAWS, wrong=share + 0.15),
        )
        assert low <= count <= high


def test_both_classes_pass_a_channel_equally_often(train_clips: Clips, tiny_params: Params) -> None:
    training = replace(tiny_params.training, batch_size=24, steps_per_epoch=30)
    plain = Sampler(train_clips, training, {})
    sent = Sampler(train_clips, training, {"channel": 0.6}, MU_LAW)
    changed: Counter[int] = Counter()
    for step in range(30):
        before, labels = plain.batch(step)
        rows = np.any(sent.batch(step)[0] != before, axis=1)
        changed.update(labels[rows].tolist())
    for label in (0, 1):
        assert at_least(0.6, 360, wrong=0.45) <= changed[label] <= at_most(0.6, 360, wrong=0.75)


def test_a_codec_that_a_channel_cannot_draw_is_refused_by_name() -> None:
    audio = AugmentationAudioParams(codecs={"opus": 0.0})
    with pytest.raises(InputError, match=r"augmentation_audio\.codecs: one weight above 0"):
        build_augmentations(["channel"], audio)
