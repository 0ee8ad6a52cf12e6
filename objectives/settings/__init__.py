"""How to draw pictures if a person wants them to differ from the pipeline's own settings."""
