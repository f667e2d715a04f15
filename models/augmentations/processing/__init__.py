"""Signal processing that effects share: codecs, levels, lengths, rooms, spectra."""
