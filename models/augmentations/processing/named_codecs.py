"""The codecs that speech passes through, as FFmpeg and libgsm have them."""

from __future__ import annotations

from models.augmentations.processing.coding import FFmpegCodec, GSMCodec

G711_MULAW = FFmpegCodec("pcm_mulaw", "pcm_mulaw", 8_000, "s16")
G711_ALAW = FFmpegCodec("pcm_alaw", "pcm_alaw", 8_000, "s16")
G722 = FFmpegCodec("g722", "g722", 16_000, "s16", delay=22)
G723_1 = FFmpegCodec("g723_1", "g723_1", 8_000, "s16", (6_300,), delay=60)
GSM = GSMCodec()
AMR_NB = FFmpegCodec(
    "libopencore_amrnb",
    "amrnb",
    8_000,
    "s16",
    (4_750, 5_900, 7_400, 10_200, 12_200),
    delay=39,
)
OPUS = FFmpegCodec(
    "libopus",
    "opus",
    16_000,
    "s16",
    (6_000, 8_000, 12_000, 16_000, 24_000),
    options={"application": "voip", "compression_level": "5"},
)
MP3 = FFmpegCodec(
    "libmp3lame",
    "mp3float",
    16_000,
    "s16p",
    (16_000, 24_000, 32_000, 48_000),
    options={"compression_level": "7"},
)
AAC = FFmpegCodec(
    "aac",
    "aac",
    16_000,
    "fltp",
    (12_000, 16_000, 24_000, 32_000),
    delay=1_024,
    options={"aac_coder": "fast"},
)
