"""Published weights of learnt fronts: what there is, and where a fetched one lies. No torch."""
