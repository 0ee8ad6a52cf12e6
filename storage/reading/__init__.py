"""Reading studies back, and exporting them."""
