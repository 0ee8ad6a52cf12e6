"""What measuring quality costs."""
