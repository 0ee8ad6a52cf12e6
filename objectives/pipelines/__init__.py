"""Pipelines: the catalogue, what a family shares, loading, schedulers."""
