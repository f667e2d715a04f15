"""Fetching published weights of learnt fronts into the state folder."""
