"""What objectives refuses and what can fail while measuring."""


class InputError(ValueError):
    """Something a person gave cannot be used; the text says what is allowed and what to do."""


class MeasurementError(RuntimeError):
    """A trial or a baseline could not be measured; the text names the reason."""
