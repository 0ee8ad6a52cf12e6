"""What accel_space refuses."""


class RefusedError(ValueError):
    """What cannot work: a stack in its context, a value, a pipe's state. The text says why."""
