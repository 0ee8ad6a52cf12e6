"""What is measured and how: pipelines, prompts, latency, CLIP score, a trial's objective."""
