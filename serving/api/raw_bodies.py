"""A recording as the whole body of a request, and what its media type says about its format."""

from __future__ import annotations

import io
import re
from email.message import Message

import numpy as np

from models.errors import InputError
from serving.errors import MediaTypeError
from serving.uploads import Upload, short_name

# media types whose bytes have no header -> the suffix by which they are known
HEADERLESS = {
    "audio/pcma": ".alaw",
    "audio/x-alaw": ".alaw",
    "audio/pcmu": ".ulaw",
    "audio/basic": ".ulaw",
    "audio/x-mulaw": ".ulaw",
    "audio/g722": ".g722",
    "audio/gsm": ".gsm",
    "audio/x-gsm": ".gsm",
}
OTHERS = ("application/octet-stream", "application/ogg", "video/mp4", "video/webm")
LINEAR = "audio/l16"  # RFC 2586: big-endian samples, their rate as a parameter
RATES = (4_000, 192_000)  # Hz
CHANNELS = 8


def is_raw(media_type: str) -> bool:
    """Whether a body of this media type is a recording by itself."""
    kind = media_type.partition(";")[0].strip().lower()
    return kind.startswith("audio/") or kind in OTHERS


def raw_upload(body: bytes, media_type: str, disposition: str, fields: dict[str, str]) -> Upload:
    """The upload of a raw body.

    Raises MediaTypeError for parameters of audio/L16 that are none, InputError for a body that
    ends inside a sample.
    """
    header = Message()
    header["content-type"] = media_type
    kind = header.get_content_type()
    name = _file_name(disposition)
    if kind == LINEAR:
        return Upload(_wav(body, header), f"{name or 'the body'}.wav", fields)
    if kind in HEADERLESS:
        name = f"{name or 'the body'}{HEADERLESS[kind]}"
    return Upload(body, name, fields)


def _file_name(disposition: str) -> str:
    """The file name of a Content-Disposition header."""
    header = Message()
    header["content-disposition"] = disposition or "inline"
    name = header.get_filename() or ""
    return short_name(name if name.isprintable() else "")


def _wav(samples: bytes, header: Message) -> bytes:
    """Big-endian samples of 16 bits as a WAV file."""
    import soundfile

    rate, channels = (
        _number(header, "rate", None, *RATES),
        _number(header, "channels", 1, 1, CHANNELS),
    )
    if len(samples) % (2 * channels):
        raise InputError(f"body: a multiple of {2 * channels} bytes expected of audio/L16")
    frames = np.frombuffer(samples, ">i2").astype(np.int16).reshape(-1, channels)
    stream = io.BytesIO()
    soundfile.write(stream, frames, rate, format="WAV", subtype="PCM_16")
    return stream.getvalue()


def _number(header: Message, name: str, default: int | None, lowest: int, highest: int) -> int:
    value = str(header.get_param(name, "" if default is None else str(default)))
    if not re.fullmatch(r"\d{1,7}", value, re.ASCII) or not lowest <= int(value) <= highest:
        raise MediaTypeError(
            f"Content-Type: audio/L16 with {name} from {lowest} to {highest} expected, "
            f"such as audio/L16; rate=8000; channels=1"
        )
    return int(value)
