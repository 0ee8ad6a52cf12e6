"""The loop of one study: proposing, measuring, screening, measuring again, stopping."""
