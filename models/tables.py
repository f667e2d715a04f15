"""What params.yaml can name: key -> where it is written, "module:attribute".

Params are read without torch and without what the entries need, so entries are strings here;
`LazyTable` imports one on first use. Keys are never renamed: params files and champions name them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar, cast

Entry = TypeVar("Entry")

# effects on training audio, in the order in which a clip passes through them
AUGMENTATIONS = {
    "silence_trimming": "models.augmentations.silence_trimming:silence_trimming",
    "speed": "models.augmentations.speed:speed",
    "time_stretch": "models.augmentations.time_stretch:time_stretch",
    "pitch_shift": "models.augmentations.pitch_shift:pitch_shift",
    "time_shift": "models.augmentations.time_shift:time_shift",
    "room": "models.augmentations.room:room",
    "background": "models.augmentations.background:background",
    "babble": "models.augmentations.babble:babble",
    "gain": "models.augmentations.gain:gain",
    "white_noise": "models.augmentations.white_noise:white_noise",
    "rawboost_convolutive": "models.augmentations.rawboost:convolutive",
    "rawboost_impulsive": "models.augmentations.rawboost:impulsive",
    "rawboost_stationary": "models.augmentations.rawboost:stationary",
    "loudness": "models.augmentations.loudness:loudness",
    "clipping": "models.augmentations.clipping:clipping",
    "telephone_band": "models.augmentations.telephone_band:telephone_band",
    "resampling": "models.augmentations.resampling:resampling",
    "codec": "models.augmentations.codec:ANY_CODEC",
    "channel": "models.augmentations.channel:ANY_CHANNEL",
    "packet_loss": "models.augmentations.packet_loss:packet_loss",
    "time_mask": "models.augmentations.time_mask:time_mask",
    "frequency_mask": "models.augmentations.frequency_mask:frequency_mask",
}

# what the effect `codec` draws from
CODECS = {
    "g711_mulaw": "models.augmentations.processing.named_codecs:G711_MULAW",
    "g711_alaw": "models.augmentations.processing.named_codecs:G711_ALAW",
    "g722": "models.augmentations.processing.named_codecs:G722",
    "g723_1": "models.augmentations.processing.named_codecs:G723_1",
    "gsm": "models.augmentations.processing.named_codecs:GSM",
    "amr_nb": "models.augmentations.processing.named_codecs:AMR_NB",
    "opus": "models.augmentations.processing.named_codecs:OPUS",
    "mp3": "models.augmentations.processing.named_codecs:MP3",
    "aac": "models.augmentations.processing.named_codecs:AAC",
}

# channels through which the evaluation set `bonafide-hard` can pass speech: effects, then codecs
CHANNELS = (
    *("telephone_band", "white_noise", "background", "babble", "room", "packet_loss", "resampling"),
    *CODECS,
)

# new ones at the end: what copy-synthesis draws goes by the place
VOCODERS = {
    "griffin_lim": "models.data.copy_synthesis.griffin_lim:open_griffin_lim",
    "world": "models.data.copy_synthesis.world:open_world",
    "neural": "models.data.copy_synthesis.neural:open_neural",
}

ATTACKS_ON_DETECTORS = {
    "fgsm": "models.adversarial.fgsm:fgsm",
    "fgsm-rs": "models.adversarial.fgsm:fgsm_rs",
    "pgd": "models.adversarial.pgd:pgd",
    "pgd-linf": "models.adversarial.pgd:pgd_linf",
    "apgd": "models.adversarial.apgd:apgd",
    "square": "models.adversarial.square:square",
    "nes": "models.adversarial.nes:nes",
}

LOSSES = {
    "cross-entropy": "models.training.losses:cross_entropy",
    "bce": "models.training.losses:binary_cross_entropy",
    "focal": "models.training.losses:focal",
    "one-class": "models.training.losses:one_class",
}

OPTIMISERS = {
    "adam": "torch.optim:Adam",
    "adamw": "torch.optim:AdamW",
}

# shapes of the learning rate over a training
SCHEDULES = {
    "cosine": "models.training.schedule:cosine",
    "constant": "models.training.schedule:constant",
    "one-cycle": "models.training.schedule:one_cycle",
    "triangular": "models.training.schedule:triangular",
    "restarts": "models.training.schedule:restarts",
}

# methods of continual learning; `none` is not among them, see training/continual/continuation.py
CONTINUAL_METHODS = {
    "replay": "models.training.continual.methods:REPLAY",
    "ewc": "models.training.continual.methods:EWC",
    "lwf": "models.training.continual.methods:LWF",
    "rwm": "models.training.continual.methods:RWM",
    "rawm": "models.training.continual.methods:RAWM",
    "replay-lwf": "models.training.continual.methods:REPLAY_LWF",
}

OPERATING_POINTS = {
    "eer": "models.evaluation.operating_points:equal_errors",
    "min_dcf": "models.evaluation.operating_points:lowest_dcf",
    "miss_rate": "models.evaluation.operating_points:given_miss_rate",
    "min_cost": "models.evaluation.operating_points:lowest_cost",
}


# what is looked at in a clip and in a partition before anything learns from them
CLIP_CHECKS = {
    "rate": "models.data.checks:RATE",
    "duration": "models.data.checks:DURATION",
    "bandwidth": "models.data.checks:BANDWIDTH",
    "snr": "models.data.checks:SNR",
    "clipping": "models.data.checks:CLIPPING",
    "silence": "models.data.checks:SILENCE",
    "offset": "models.data.checks:OFFSET",
}
BALANCE_CHECKS = {
    "minority": "models.data.checks:minority",
    "lone_speaker": "models.data.checks:lone_speaker",
    "speaker_share": "models.data.checks:speaker_share",
    "few_trials": "models.data.checks:few_trials",
}


class LazyTable(Mapping[str, Entry], Generic[Entry]):
    """A table of this file whose entries are what its strings name, imported on first use."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)

    def __getitem__(self, name: str) -> Entry:
        return cast(Entry, pkgutil.resolve_name(self._places[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
