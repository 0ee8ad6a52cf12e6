"""Services: their source, and writing them."""
