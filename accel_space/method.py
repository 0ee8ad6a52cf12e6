"""The interface of an acceleration method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from accel_space.profile import Profile, SchedulerProfile

Value = int | float
Params = Mapping[str, Value]
"""The parameters of a whole stack: names are the libraries' own and unique among methods."""

Skipped = dict[str, tuple[float, ...]]
"""What is left out, by name: at each denoiser call its share, from 0 (nothing) to 1 (all of it)."""

Generate = Callable[..., Any]
"""Takes what the pipeline's own call takes and returns what it returns."""


@dataclass(frozen=True)
class Choices:
    """The values of one parameter that are worth trying.

    Attributes:
        values: The values, ascending, and all of one type.
        default: The one of them that the method's authors recommend, or the nearest to it.
        least: The least value that means anything, be it worth trying or not.
    """

    values: tuple[Value, ...]
    default: Value
    least: Value = 0

    def __post_init__(self) -> None:
        if self.default not in self.values:
            raise ValueError(f"the default {self.default} must be one of {self.values}")


Space = dict[str, Choices]


@dataclass(frozen=True)
class Context:
    """Where a stack is to work; everything that decides what its parameters mean.

    Attributes:
        profile: The pipeline's architecture at the protocol's picture size.
        scheduler: The scheduler at `steps` steps.
        steps: num_inference_steps.
        guidance_scale: Classifier-free guidance is on above 1.
        methods: Names of all methods of the stack.
    """

    profile: Profile
    scheduler: SchedulerProfile
    steps: int
    guidance_scale: float
    methods: frozenset[str]

    @property
    def calls(self) -> int:
        """How often one generation calls the denoiser."""
        return len(self.scheduler.timesteps)


@dataclass(frozen=True)
class Code:
    """A method's part of a script that runs without accelfront.

    Attributes:
        library: The distribution that it needs besides torch and diffusers, as pip names it.
        imports: Names that it imports, by module; a module without names is imported itself.
        functions: Functions of ours whose source the script takes over, so that it does what a
            trial does. They use nothing but each other and `imports`.
        patch: Statements that accelerate `pipe`, once it is loaded.
        before_call: Statements that stand before each call that generates.
        call: What generates; empty where it is the pipe itself.
        arguments: What that call takes besides what a pipe's own does.
    """

    library: str = ""
    imports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    functions: tuple[Callable[..., Any], ...] = ()
    patch: tuple[str, ...] = ()
    before_call: tuple[str, ...] = ()
    call: str = ""
    arguments: Mapping[str, Value] = field(default_factory=dict)


class Method(ABC):
    """One acceleration technique. Stateless: a pipe's state lives in the pipe."""

    name: ClassVar[str]
    title: ClassVar[str]
    """How people write the name."""
    after: ClassVar[frozenset[str]] = frozenset()
    """Methods that are applied before this one where both are in a stack."""
    conflicts: ClassVar[Mapping[str, str]] = {}
    """Methods that cannot share a stack with this one, and why; either may say so."""
    absorbs: ClassVar[frozenset[str]] = frozenset()
    """Methods that this one applies itself, through its library's combined loader."""

    @abstractmethod
    def why_not(self, context: Context) -> str | None:
        """Tell why the method cannot work here, in words for people, or None if it can."""

    @abstractmethod
    def space(self, context: Context) -> Space:
        """List the values worth trying here, per parameter, in the order of the prototype's grid.

        Only called where `why_not` answers None.
        """

    @abstractmethod
    def skipped(self, params: Params, context: Context) -> Skipped:
        """Tell what these parameters make the pipeline leave out, and when.

        Two parameter sets are the same point if, and only if, they skip the same. A search learns
        from it which points resemble each other.

        Args:
            params: The parameters of the whole stack; they need not be values of `space`.
            context: Where the stack works.

        Returns:
            A value for each of `context.calls` calls. Names that methods share mean the same:
            `guidance`, `self_attention`, `cross_attention`.

        Raises:
            RefusedError: If the values, all numbers of the right kind, cannot work here.
        """

    @abstractmethod
    def apply(self, pipe: Any, params: Params, context: Context, generate: Generate) -> Generate:
        """Patch the pipe and return the call that generates with the patch.

        There is no undo to write: the stack restores the pipe from a snapshot (`restore.py`).

        Args:
            pipe: The diffusers pipeline.
            params: The parameters of the whole stack.
            context: Where the stack works.
            generate: The call that the methods applied so far have left.
        """

    @abstractmethod
    def code(self, params: Params, pipeline_class: str, methods: Iterable[str]) -> Code:
        """Write what `apply` does for a script. Loads no heavy library.

        Args:
            params: The parameters of the whole stack.
            pipeline_class: Name of the diffusers pipeline class.
            methods: Names of all methods of the stack.
        """
