"""The page Review: one recording after the other, each judged with one key."""
