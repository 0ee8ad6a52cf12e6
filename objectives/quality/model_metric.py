"""A metric with a model of its own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from objectives.errors import InputError
from objectives.model_files.fingerprint import fingerprint
from objectives.model_files.state_dict import fill, read_state_dict
from objectives.quality.metric import Metric, Weights

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Loaded:
    """A model in memory.

    Attributes:
        model: The module, on the study's device, in fp32.
        prepare: Makes the model's input from a PIL picture.
        tokenize: Makes its input from prompts.
    """

    model: Any
    prepare: Any = None
    tokenize: Any = None


class ModelMetric(Metric):
    """A metric whose model is loaded from files.

    The files are those that a person names, or otherwise those that the model's library fetched
    before. accelfront fetches none itself: a figure's files are known before any is loaded.

    Attributes:
        loads: The model, its file and that file's size.
        fetched_by: The command that fetches it to the place where it is looked for.
    """

    fetched_by: ClassVar[str]

    def __init__(self, loaded: Loaded | None = None) -> None:
        """Begin without a model, or with the one that `loaded` loads."""
        self._loaded = loaded

    @abstractmethod
    def cached(self) -> Path | None:
        """The file that the model's library fetched before, if it did."""

    @abstractmethod
    def load(self, path: Path) -> Loaded:
        """Load the model on torch's default device.

        Args:
            path: The path that `find` found.
        """

    def files(self, path: Path) -> Mapping[str, Path]:
        """The files to read, by the names that count in its fingerprint.

        Raises:
            InputError: If it is not what the metric takes.
        """
        if not path.is_file():
            raise self.refusal(path, "it is no file")
        return {"": path}

    def place(self, given: Path | None) -> Path:
        """See `Metric.place`."""
        path = given or self.cached()
        if path is None:
            raise InputError(
                f"{self.name} needs {self.loads}, and the cache has none; give "
                f"--weights {self.name}=FILE, or fetch it once with: {self.fetched_by}"
            )
        if not path.exists():
            raise self.refusal(path, "there is no such file")
        return path

    def find(self, given: Path | None) -> Weights:
        """See `Metric.find`."""
        path = self.place(given)
        return Weights(f"{path.absolute().name}@{fingerprint(self.files(path))}", path)

    def loaded(self, weights: Weights | None, device: torch.device) -> Self:
        """See `Metric.loaded`."""
        import torch

        assert weights is not None  # As `find` found some.
        # Libraries draw random weights before they load the real ones.
        with torch.random.fork_rng([device] if device.type == "cuda" else []), device:
            loaded = self.load(weights.path)
        loaded.model.eval().requires_grad_(False)
        return type(self)(loaded)

    @property
    def held_mib(self) -> float:
        """See `Metric.held_mib`."""
        if self._loaded is None:
            return 0.0
        sizes = (each.nbytes for each in self._loaded.model.state_dict().values())
        return float(sum(sizes)) / 2**20

    @property
    def in_memory(self) -> Loaded:
        """The model; it is loaded whenever there are pictures."""
        assert self._loaded is not None
        return self._loaded

    def fill(self, module: torch.nn.Module, file: Path) -> None:
        """Give a module the weights of a file.

        Raises:
            LoadError: If they are not those of the module.
        """
        part, remedy = f"the model of {self.title}", f"give {self.loads}"
        fill(module, read_state_dict(part, file, remedy), part, file, remedy)

    def refusal(self, path: Path, reason: str) -> InputError:
        """The error for a file or folder that is not what the metric takes."""
        return InputError(f"--weights {self.name}={path}: {reason}; give {self.loads}")
