"""Pages that a command serves from its own process, and who may send them requests."""
