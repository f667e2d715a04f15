"""Detectors made smaller and faster: graphs in fewer bits, detectors with fewer channels."""
