"""From a task in plain language to a measured trial, and from the trial to a script."""
