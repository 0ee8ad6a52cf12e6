"""The interface of an acceleration method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from accel_space.family import Family
from accel_space.profile import Profile, SchedulerProfile
from accel_space.schedule import Schedule

Value = int | float
Params = Mapping[str, Value]
"""The parameters of a method under its library's names, or of a stack as `method.parameter`."""

Learned = tuple[float, ...]
"""What a method learns from a plain pipe."""

Generate = Callable[..., Any]
"""A call with the arguments and the result of the pipeline's own call."""


@dataclass(frozen=True)
class Choices:
    """The values of one parameter that are worth trying.

    Attributes:
        values: The values, ascending, and all of one type.
        default: The value that the method's authors recommend, or the nearest one.
        least: The least value that means anything, whether worth trying or not.
        are_learned: Whether the method learns from the plain pipe which values are worth trying.
    """

    values: tuple[Value, ...]
    default: Value
    least: Value = 0
    are_learned: bool = False

    def __post_init__(self) -> None:
        if self.default not in self.values:
            raise ValueError(f"the default {self.default} must be one of {self.values}")

    def nearest(self, value: Value) -> Value:
        """The choice nearest to a value."""
        return min(self.values, key=lambda choice: abs(choice - value))


Space = dict[str, Choices]


@dataclass(frozen=True)
class Context:
    """Where a stack is to work: everything that decides what its parameters mean.

    Attributes:
        profile: The pipeline's architecture at the protocol's picture size.
        scheduler: The scheduler at `steps` steps.
        steps: num_inference_steps.
        guidance_scale: Classifier-free guidance is on above 1.
        methods: Names of all methods of the stack.
        device: The kind of device.
        lossless_methods: Those of `methods` that change only the time.
        halved_methods: Those of `methods` that have a `halve`.
        restarts: The denoiser calls, ascending, at which all caches start empty.
        learned: What methods have learned from the plain pipe, by name. A missing method has not
            learned yet, or did not learn in the release that began the study.
        other_schedulers: Returns the profiles of the schedulers that may be used instead, by name.
    """

    profile: Profile
    scheduler: SchedulerProfile
    steps: int
    guidance_scale: float
    methods: frozenset[str]
    device: Literal["cpu", "cuda"] = "cuda"
    lossless_methods: frozenset[str] = frozenset()
    halved_methods: frozenset[str] = frozenset()
    restarts: tuple[int, ...] = (0,)
    learned: Mapping[str, Learned] = field(default_factory=dict, hash=False)
    other_schedulers: Callable[[], Mapping[str, SchedulerProfile]] = field(
        default=dict, compare=False, repr=False
    )

    @property
    def family(self) -> Family:
        """The pipeline's family."""
        return self.profile.family

    @property
    def lossy_methods(self) -> frozenset[str]:
        """Those of `methods` that change pictures."""
        return self.methods - self.lossless_methods

    @property
    def calls(self) -> int:
        """How often one generation calls the denoiser."""
        return len(self.scheduler.timesteps)


class Method(ABC):
    """One acceleration technique. Stateless: a pipe's state lives in the pipe."""

    name: ClassVar[str]
    title: ClassVar[str]
    """How people write the name."""
    words: ClassVar[tuple[str, ...]]
    """Its names in a task; we write the first one."""
    after: ClassVar[frozenset[str]] = frozenset()
    """Methods that are applied before this one if both are in a stack."""
    place: ClassVar[Literal["first", "last", ""]] = ""
    """Whether it is applied before all others, or after them."""
    is_lossless: ClassVar[bool] = False
    """Whether its schedule is `Lossless` at all parameters."""
    needs_gpu: ClassVar[bool] = False
    """Whether it works only on CUDA."""
    static_only: ClassVar[str] = ""
    """Why it cannot share a stack with a cache that decides while running; empty if it can."""
    conflicts: ClassVar[Mapping[str, str]] = {}
    """Methods that cannot share a stack with this one, and why; either may say so."""
    includes: ClassVar[frozenset[str]] = frozenset()
    """Methods that this one applies itself, through its library's combined loader."""
    holds: ClassVar[Mapping[str, str]] = {}
    """The keywords of a call whose values must stay those that the parameters were chosen for, and
    why: `num_inference_steps`, `height`; for `guidance_scale` only whether guidance is on."""
    library: ClassVar[str] = ""
    """The distribution that it needs besides torch and diffusers, as pip names it."""
    accelerate: ClassVar[Callable[..., Generate]]
    """A plain function that patches a pipe and returns the call that generates with the patch.

    It takes the pipe, and the call that the methods applied so far have left. Its keywords name
    parameters of the stack, values of `Family`, and whatever else `accelerate_arguments` of
    applying.py knows.
    A trial calls it, and a script carries its source with all the names of accel_space in it.
    Otherwise it imports only torch, diffusers and the library, at its top. It needs no undo: the
    stack restores the pipe from a snapshot (`handed_over/installing.py`).
    """
    halve: ClassVar[Callable[..., None] | None] = None
    """A plain function of a pipe, its denoiser and a batch size, which scripts carry too. It halves
    what the method keeps of a guided batch of that size, so that an unguided one can reuse it."""
    generators: ClassVar[Callable[..., list[Any]] | None] = None
    """A plain function of the denoiser, which scripts carry too. It returns the random generators
    that the method draws from inside the denoiser."""
    has_hit: ClassVar[Callable[..., bool] | None] = None
    """A plain function of the denoiser, for methods with a `Dynamic` schedule. It says right after
    a call whether that call reused anything. A trial counts with it; a script does not need it."""

    learns: ClassVar[str] = ""
    """The name of what it learns from the plain pipe before a study begins, and the keyword under
    which its `accelerate` may take it. Empty for methods that learn nothing."""
    learn: ClassVar[Callable[..., Learned] | None] = None
    """The function that learns it, from the denoiser and a function that draws a batch without
    acceleration. The pipe is restored afterwards. Scripts and modules do not need it."""

    @abstractmethod
    def why_not(self, context: Context) -> str | None:
        """Say why the method cannot work here, in words for people, or return None if it can.

        The next step follows a semicolon. Without one, the stack adds the schedulers with which its
        methods work, or otherwise the methods that work instead.
        """

    @abstractmethod
    def space(self, context: Context) -> Space:
        """List the values worth trying here, per parameter, in the order of the prototype's grid.

        Called only if `why_not` returns None.
        """

    @abstractmethod
    def schedule(self, params: Params, context: Context) -> Schedule:
        """Say what these parameters make the pipeline skip, and when.

        Two parameter sets are the same point if, and only if, their schedules are equal. A search
        learns from schedules which points resemble each other.

        Args:
            params: The method's own parameters; they need not be values of `space`.
            context: Where the stack works.

        Returns:
            The shares that each of `context.calls` calls skips; or the features that a search
            learns from, if shares are not known beforehand (`Dynamic`) or nothing is skipped
            (`Lossless`).

        Raises:
            RefusedError: If the values, all numbers of the right kind, cannot work here.
        """

    def off(self, context: Context) -> Params | None:
        """The parameters, values of `space` or not, at which the method changes nothing.

        Parameters that it does not name may have any value. None if the method always changes
        something: a stack with such a method has no lossless point.
        """
        return None

    def assumed(self, calls: int) -> Learned:
        """The values to use if `Context.learned` has none.

        Args:
            calls: How often one generation calls the denoiser.
        """
        return ()

    def narrowed(self, params: Params, context: Context) -> Context:
        """The context in which the other methods of the stack work, given these parameters."""
        return context

    def why_not_pipe(self, pipe: Any) -> str | None:
        """Say why the method cannot work on a pipe as it is now, or return None if it can."""
        return None

    def why_not_machine(self, device: Literal["cpu", "cuda"]) -> str | None:
        """Say what this machine lacks for the method and what to do; None if it lacks nothing."""
        return None
