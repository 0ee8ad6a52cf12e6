"""What comes with an acceleration that is handed over to the code that loads the pipeline."""
