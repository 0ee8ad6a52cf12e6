"""What the rooms of benchmarks share."""
