"""POST /v1/explain: which parts of a recording its score depends on, without torch."""
