"""The review of field samples: a queue with locks, answers as revisions, and what they agree on."""
