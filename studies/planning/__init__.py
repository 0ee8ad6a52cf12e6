"""The contents of a plan: its stack, prompts, metrics and protocol."""
