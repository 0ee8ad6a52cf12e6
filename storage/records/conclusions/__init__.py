"""What a study comes to, and how that is told."""
