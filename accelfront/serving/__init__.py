"""Pages that a command serves from its own process, and who may ask for them."""
