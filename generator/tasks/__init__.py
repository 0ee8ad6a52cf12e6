"""Tasks: reading wishes from sentences and files."""
