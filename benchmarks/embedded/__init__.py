"""How good the embedded pipelines are, and what the methods cost them."""
