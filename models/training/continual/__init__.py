"""Learning on from trained weights without forgetting; the table of methods is `methods.py`."""
