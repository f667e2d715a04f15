"""Self-supervised fronts: networks, their sizes and their published weights."""
