"""From a request to what a plan holds: its stack, its prompts, its metrics, its protocol."""
