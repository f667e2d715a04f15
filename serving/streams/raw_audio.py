"""The bytes of a stream that are no whole block yet, and the tracks that they become."""

from __future__ import annotations

from collections.abc import Sequence

from serving.streams.samples import Encoding
from serving.streams.track import Track

BLOCK_S = 0.25  # audio is decoded in blocks of so much


class RawAudio:
    """Frames of any number of bytes, of one channel or interleaved of all."""

    def __init__(self, encoding: Encoding, rate: int, tracks: Sequence[Track]) -> None:
        self._encoding, self._rate, self._tracks = encoding, rate, tracks
        self._interleaved = bytearray()
        self._single = [bytearray() for _ in tracks]

    def take(self, data: bytes, channel: int | None) -> None:
        """Audio; it is handed on once it is a block."""
        waiting = self._interleaved if channel is None else self._single[channel]
        waiting += data
        count = len(self._tracks) if channel is None else 1
        if len(waiting) >= BLOCK_S * self._rate * self._encoding.width * count:
            self.hand_on()

    def hand_on(self, *, drop: bool = False) -> None:
        """Give whole samples to the tracks; bytes of half a sample stay, or are dropped."""
        count = len(self._tracks)
        for waiting, tracks in [
            (self._interleaved, self._tracks),
            *((self._single[n], [self._tracks[n]]) for n in range(count)),
        ]:
            frame = self._encoding.width * len(tracks)
            whole = len(waiting) // frame * frame
            if whole:
                samples = self._encoding.decode(bytes(waiting[:whole]))
                for number, track in enumerate(tracks):
                    track.push(samples[number :: len(tracks)])
            del waiting[: None if drop else whole]
