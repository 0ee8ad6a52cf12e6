"""What storage refuses."""


class StorageError(ValueError):
    """A database that cannot be used as asked; the text says why and what to do."""
