"""The whole loop once, told as it happens."""
