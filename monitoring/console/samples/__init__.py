"""The page Samples: every scored request, and what is known of it."""
