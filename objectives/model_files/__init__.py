"""The files of a model: where they lie, what they hold, and what tells them apart."""
