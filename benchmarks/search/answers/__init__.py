"""How often the answer of a search is wrong, by the rule that chooses it."""
