"""How a study can fail."""


class StudyFailedError(RuntimeError):
    """A study that was started and cannot go on; the text says why."""
