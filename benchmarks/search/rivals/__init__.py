"""Searches by other means, to be compared with; one file each."""
