"""The champion behind an HTTP door."""
