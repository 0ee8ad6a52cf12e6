"""What a study concludes, and how that is worded."""
