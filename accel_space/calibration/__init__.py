"""What is seen of generations: how often caches hit, and what methods learn of a plain pipe."""
