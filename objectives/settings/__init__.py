"""How pictures are to be drawn where a person wants them otherwise than the pipeline has them."""
