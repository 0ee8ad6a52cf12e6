"""Records: what travels between rooms, and how it compares. Knows no database and no torch."""
