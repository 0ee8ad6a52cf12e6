"""How often the intervals of losses and speedups hold the truth, simulated."""
