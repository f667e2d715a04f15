"""CAM++, a network that recognises speakers (arXiv 2303.00332), as far as a detector needs it."""
