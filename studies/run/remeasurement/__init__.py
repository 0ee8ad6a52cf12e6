"""Remeasurements: disturbed points are timed again, and the best ones are confirmed."""
