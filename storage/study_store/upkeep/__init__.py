"""Changes to a study from outside its runs: labelling and deleting."""
