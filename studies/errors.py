"""The error of a study that fails."""


class StudyFailedError(RuntimeError):
    """A study that began and cannot continue; the text gives the reason."""
