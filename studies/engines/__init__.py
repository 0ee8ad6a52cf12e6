"""Engines: what runs the studies of a sweep, here or over a Ray cluster."""
