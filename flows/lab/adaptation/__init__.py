"""The adaptation curve: how few labels of a new attack it takes until it is caught."""
