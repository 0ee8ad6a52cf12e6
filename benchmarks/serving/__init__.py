"""What services do under load."""
