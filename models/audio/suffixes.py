"""The suffixes of audio files, one list for every command that looks for audio in a folder.

A folder's files are chosen by their names, and what a file is by its bytes.
"""

from __future__ import annotations

from models.audio.containers.headerless import HEADERLESS

AUDIO_SUFFIXES = frozenset(
    {
        *(".wav", ".wave", ".w64", ".rf64", ".bw64", ".aiff", ".aif", ".aifc", ".au", ".snd"),
        *(".caf", ".sph", ".nist", ".flac", ".ogg", ".oga", ".opus", ".spx", ".mp3", ".mp2"),
        *(".mp1", ".aac", ".adts", ".m4a", ".m4b", ".mp4", ".mov", ".3gp", ".3g2", ".webm"),
        *(".weba", ".mka", ".mkv", ".wma", ".asf", ".amr", ".awb", ".ac3", ".eac3", ".tta"),
        *(".wv", ".ape"),
        *HEADERLESS,
    }
)


def is_audio(name: str) -> bool:
    """Whether a file name has a suffix of audio; hidden files are none (macOS writes `._x.wav`)."""
    return name[name.rfind(".") :].lower() in AUDIO_SUFFIXES and not name.startswith(".")
