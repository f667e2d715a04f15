"""What a recording is, whatever file it came in: a hash of its decoded samples."""

from __future__ import annotations

import hashlib

from models.audio.containers import parts_of
from models.audio.containers.part import DamagedError, TruncatedError, UnreadableError
from models.audio.decoding import open_stream
from models.errors import InputError


def pcm_sha256(data: bytes, suffix: str = "") -> str:
    """SHA-256 (hex) of rate, channels and samples as float32, at the file's own rate.

    A WAV and a FLAC of the same 16-bit samples have one hash, an MP3 of them another. Raises
    InputError where the file cannot be decoded.
    """
    digest = hashlib.sha256()
    try:
        for part in parts_of(data, suffix):
            with open_stream(part) as stream:
                digest.update(f"{stream.rate} {stream.channels} ".encode())
                for block in stream.blocks:
                    digest.update(block.tobytes())
    except (UnreadableError, TruncatedError, DamagedError) as error:
        raise InputError(f"audio expected that can be decoded ({error})") from error
    return digest.hexdigest()
