"""Records: what rooms exchange, and how it compares. Knows no database and no torch."""
