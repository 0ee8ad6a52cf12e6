"""How many evaluations a search needs, on recorded grids and beside copied constants."""
