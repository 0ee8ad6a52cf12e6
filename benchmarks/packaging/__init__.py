"""What an installation does to an environment."""
