"""Quality: what of pictures is measured, and the pictures that a person looks at."""
