"""Models: registered versions side by side, from the evidence of their verdicts."""
