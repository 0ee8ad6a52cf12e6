"""From a task in people's words to a measured trial, and from the trial to a script."""
