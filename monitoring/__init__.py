"""What the champion hears and how it scores, against a reference."""
