"""Which point comes next: samplers, the surrogate and its features, warm starts."""
