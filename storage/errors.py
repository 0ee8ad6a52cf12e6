"""What storage refuses, and how a database can fail."""


class StorageError(ValueError):
    """A database that cannot be used as asked; the text says why and what to do."""


class NoDatabaseError(StorageError):
    """The database file does not exist."""


class NoStudiesError(StorageError):
    """A database that holds no study of ours yet."""


class StudyRefusedError(StorageError):
    """A study that cannot be resumed as asked; the text says why and what to do."""


class StudyDeletedError(RuntimeError):
    """A study or a trial that was deleted while a worker was using it."""


class DatabaseFailedError(RuntimeError):
    """A database that cannot be reached, or has a fault; the text says which."""
