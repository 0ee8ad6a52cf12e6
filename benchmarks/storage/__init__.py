"""What databases withstand: killed workers, common starts, many workers, large reports."""
