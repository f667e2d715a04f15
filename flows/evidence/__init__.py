"""The evidence behind a verdict: a signed folder, and the page in it."""
