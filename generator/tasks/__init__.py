"""Tasks: from sentences and files to what is asked for."""
