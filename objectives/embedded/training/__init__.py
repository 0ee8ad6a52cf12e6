"""Training the embedded pipelines: their parts, and how they learn."""
