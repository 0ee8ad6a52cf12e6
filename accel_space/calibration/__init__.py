"""What generations show: how often caches hit, and what methods learn from a plain pipe."""
