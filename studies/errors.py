"""What studies refuses and how a study can fail."""


class StudyRefusedError(ValueError):
    """A study that cannot be run as asked; the text says why and what to do."""


class StudyFailedError(RuntimeError):
    """A study that was started and cannot go on; the text says why."""
