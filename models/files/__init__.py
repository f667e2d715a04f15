"""Files on disk: manifests, tables of text, folders that are written whole. No torch."""
