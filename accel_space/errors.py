"""The error that accel_space raises."""


class RefusedError(ValueError):
    """A stack, a value or the state of a pipe that cannot work. The text says why."""
