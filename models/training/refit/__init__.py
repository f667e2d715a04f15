"""Learning fast: the last layer of a detector alone, fitted anew on embeddings."""
