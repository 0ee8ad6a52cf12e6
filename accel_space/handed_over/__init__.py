"""What goes with an acceleration that is handed over to whoever loads the pipeline."""
