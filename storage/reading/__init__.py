"""Studies read back, and exported."""
