"""What an attempt to deliver a message can come to."""

from __future__ import annotations

GONE = 410


class DeliveryError(ConnectionError):
    """A receiver did not take a message; the sentence holds no secret."""

    def __init__(self, sentence: str, *, is_final: bool = False) -> None:
        super().__init__(sentence)
        self.is_final = is_final  # trying again is of no use


def check_status(receiver: str, status: int) -> None:
    """Raise DeliveryError for any status but 2xx; after 410 Gone nobody tries again."""
    if 200 <= status < 300:
        return
    moved = ", a redirection, which is not followed" if 300 <= status < 400 else ""
    sentence = f"{receiver}: status 2xx expected, found {status}{moved}"
    raise DeliveryError(sentence, is_final=status == GONE)
