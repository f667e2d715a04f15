"""Reviewed field samples: into a dataset version, and out when their time is over."""
