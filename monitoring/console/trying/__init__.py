"""The page Try: one recording to the endpoint, and what it makes of it."""
