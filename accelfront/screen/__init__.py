"""What commands print: tables, plots, live views, and text that is safe in a terminal."""
