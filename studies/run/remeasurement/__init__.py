"""Measuring known points again: disturbed ones are timed, the best ones confirmed."""
