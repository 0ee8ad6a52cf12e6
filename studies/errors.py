"""How a study can fail."""


class StudyFailedError(RuntimeError):
    """A study began and cannot go on; the text gives the reason."""
