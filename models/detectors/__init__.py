"""Detectors by name. A key here is a promise to every stored champion: never renamed."""

from __future__ import annotations

from functools import partial

from models.detectors.aasist import Aasist
from models.detectors.building import DETECTORS, build_detector, resolve_options
from models.detectors.cnn_lstm import CnnLstm
from models.detectors.detector import Detector, cm_score
from models.detectors.ensemble import Ensemble
from models.detectors.lcnn import Lcnn
from models.detectors.lfcc_gmm import LfccGmm
from models.detectors.light_darts.detector import LightDarts
from models.detectors.mel_transformer import MelTransformer
from models.detectors.mfcc_attention import MfccAttention
from models.detectors.probes import Probes
from models.detectors.rawgat_st import RawGatSt
from models.detectors.rawnet2 import RawNet2
from models.detectors.resnet import Resnet
from models.detectors.speaker import Speaker
from models.detectors.spectrum import Spectrum
from models.detectors.ssl_aasist import SslAasist
from models.detectors.whisper.attentive import Whisper
from models.detectors.whisper.graphs import WhisperAasist

__all__ = ["DETECTORS", "Detector", "build_detector", "cm_score", "resolve_options"]

DETECTORS.update(
    {
        "aasist": Aasist,
        "aasist-l": partial(
            Aasist, widths=(32, 32, 24, 24), graph_dims=(24, 32), pool_ratios=(0.4, 0.5, 0.7)
        ),
        "rawgat-st": RawGatSt,
        "rawnet2": RawNet2,
        "lcnn": Lcnn,
        "resnet": Resnet,
        "mel-transformer": MelTransformer,
        "mfcc-attention": MfccAttention,
        "cnn-lstm": CnnLstm,
        "spectrum": Spectrum,
        "lfcc-gmm": LfccGmm,
        "ensemble": Ensemble,
        "speaker": Speaker,
        "ssl-aasist": SslAasist,
        "light-darts": LightDarts,
        "whisper": Whisper,
        "whisper-aasist": WhisperAasist,
        "probes": Probes,
    }
)
