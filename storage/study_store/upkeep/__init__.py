"""What is done to a study from outside its runs: it gets a label, or is deleted."""
