"""Audio: reading, decoding, windows, acoustic measures and fingerprints. No torch."""
