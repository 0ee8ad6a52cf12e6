"""What databases bear: killed workers, common starts, many workers, large reports."""
