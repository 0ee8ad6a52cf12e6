"""How true, how repeatable and how cheap measurements are, and what methods gain at real size."""
