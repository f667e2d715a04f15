"""Samples without any header, known by the suffix of their file."""

from __future__ import annotations

from models.audio.containers.part import AudioPart, TruncatedError, UnreadableError

# suffix -> FFmpeg's demuxer, its options, and the bytes that belong together
HEADERLESS: dict[str, tuple[str, dict[str, str], int]] = {
    ".g722": ("g722", {}, 1),
    ".gsm": ("gsm", {}, 33),
    ".sln": ("s16le", {"sample_rate": "8000"}, 2),  # Asterisk's signed linear
    ".sln16": ("s16le", {"sample_rate": "16000"}, 2),
    ".alaw": ("alaw", {"sample_rate": "8000"}, 1),
    ".al": ("alaw", {"sample_rate": "8000"}, 1),
    ".ulaw": ("mulaw", {"sample_rate": "8000"}, 1),
    ".ul": ("mulaw", {"sample_rate": "8000"}, 1),
    ".mulaw": ("mulaw", {"sample_rate": "8000"}, 1),
}
# how files begin that are no audio, whatever their name
FOREIGN: tuple[bytes, ...] = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"\xff\xd8\xff\xe1",
    b"GIF87a",
    b"GIF89a",
)
FOREIGN += (
    b"%PDF-",
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"7z\xbc\xaf\x27\x1c",
    b"\xfd7zXZ\x00",
    b"BZh",
)
FOREIGN += (
    b"\x28\xb5\x2f\xfd",
    b"\x7fELF",
    b"SQLite format 3\x00",
    b"Rar!\x1a\x07",
    b"RIFF",
    b"FORM",
)
FOREIGN += (b"MThd", b"FLV\x01", b"\x00\x00\x01\xba", b"DSD ", b"FRM8", b"#EXTM3U", b"ffconcat")
TEXT = 512  # bytes: as many printable characters are a text and no samples


def headerless_part(data: bytes, suffix: str) -> AudioPart | None:
    """The recording of raw samples; None where the suffix names no such format.

    Raises UnreadableError where the bytes say that they are something else, and TruncatedError.
    """
    if suffix.lower() not in HEADERLESS:
        return None
    demuxer, options, block = HEADERLESS[suffix.lower()]
    if is_something_else(data):
        raise UnreadableError(f"no raw samples, though its name ends in {suffix}")
    if len(data) % block:
        raise TruncatedError(f"the last {len(data) % block} of {block} bytes are missing")
    return AudioPart(data, demuxer, options=tuple(options.items()))


def is_something_else(data: bytes) -> bool:
    """Whether the bytes begin as a file does that is no audio."""
    head = data[:TEXT]
    printable = all(0x20 <= letter < 0x7F or letter in b"\t\r\n" for letter in head)
    return data.startswith(FOREIGN) or (printable and len(head) > 0)
