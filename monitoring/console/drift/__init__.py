"""Drift: every signal over time, the map of embeddings, and the clips that moved it most."""
