"""From a task to a script: reserved for the generator, which nothing calls yet."""
