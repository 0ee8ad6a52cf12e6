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
"""What a method learns of a plain pipe."""

Generate = Callable[..., Any]
"""Takes what the pipeline's own call takes and returns what it returns."""


@dataclass(frozen=True)
class Choices:
    """The values of one parameter that are worth trying.

    Attributes:
        values: The values, ascending, and all of one type.
        default: The one of them that the method's authors recommend, or the nearest to it.
        least: The least value that means anything, be it worth trying or not.
        are_learned: Whether the method learns of the plain pipe which values are worth trying.
    """

    values: tuple[Value, ...]
    default: Value
    least: Value = 0
    are_learned: bool = False

    def __post_init__(self) -> None:
        if self.default not in self.values:
            raise ValueError(f"the default {self.default} must be one of {self.values}")

    def nearest(self, value: Value) -> Value:
        """The choice that is nearest to a value."""
        return min(self.values, key=lambda choice: abs(choice - value))


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
        device: The kind of device.
        lossless_methods: Those of `methods` that change the time alone.
        halved_methods: Those of `methods` that have a `halve`.
        restarts: The denoiser calls, ascending, at which all caches begin anew.
        learned: What methods have learned of the plain pipe, by name; what is not here is not known
            yet, or was not learned in the release that began the study.
        other_schedulers: Describes the schedulers that a person may take instead, by name.
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
    """What it is called in a task; the first is how we write it there."""
    after: ClassVar[frozenset[str]] = frozenset()
    """Methods that are applied before this one where both are in a stack."""
    place: ClassVar[Literal["first", "last", ""]] = ""
    """Whether it is applied before all others, or after them."""
    is_lossless: ClassVar[bool] = False
    """Whether its schedule is `Lossless` at all parameters."""
    needs_gpu: ClassVar[bool] = False
    """Whether it works on CUDA alone."""
    static_only: ClassVar[str] = ""
    """Why it cannot share a stack with a cache that decides while running; empty if it can."""
    conflicts: ClassVar[Mapping[str, str]] = {}
    """Methods that cannot share a stack with this one, and why; either may say so."""
    includes: ClassVar[frozenset[str]] = frozenset()
    """Methods that this one applies itself, through its library's combined loader."""
    holds: ClassVar[Mapping[str, str]] = {}
    """What of a call its parameters were chosen for and cannot do without, by the call's keyword,
    and why: `num_inference_steps`, `height`; of `guidance_scale` only whether guidance is on."""
    library: ClassVar[str] = ""
    """The distribution that it needs besides torch and diffusers, as pip names it."""
    accelerate: ClassVar[Callable[..., Generate]]
    """A plain function that patches a pipe and returns the call that generates with the patch.

    It takes the pipe, the call that the methods applied so far have left, and by keyword what it
    names of the stack's parameters, of the values of `Family`, and of what `accelerate_arguments`
    of stack.py knows besides.
    A trial calls it, and a script carries its source with all that it names of accel_space; for
    the rest it imports torch, diffusers and the library, at its top. There is no undo to write:
    the stack restores the pipe from a snapshot (`handed_over/installing.py`).
    """
    halve: ClassVar[Callable[..., None] | None] = None
    """A plain function of a pipe, its denoiser and a batch size, carried likewise: it halves what
    the method keeps of a guided batch of that size, so that an unguided one can reuse it."""
    generators: ClassVar[Callable[..., list[Any]] | None] = None
    """A plain function of the denoiser, carried likewise: the random generators that the method
    draws from inside the denoiser."""
    has_hit: ClassVar[Callable[..., bool] | None] = None
    """Of a method with a `Dynamic` schedule: a plain function of the denoiser, which tells right
    behind a call whether that one reused anything. A trial counts with it, a script has no need."""

    learns: ClassVar[str] = ""
    """What it learns of the plain pipe before a study begins, in a word, by which its `accelerate`
    may take it; empty of methods that know all beforehand."""
    learn: ClassVar[Callable[..., Learned] | None] = None
    """What learns it: a function of the denoiser and of what draws a batch without acceleration.
    The pipe is restored behind it, and neither a script nor a module has a need of it."""

    @abstractmethod
    def why_not(self, context: Context) -> str | None:
        """Tell why the method cannot work here, in words for people, or None if it can.

        What to do stands behind a semicolon; without one the stack names the schedulers with which
        its methods work, or else the methods that work instead.
        """

    @abstractmethod
    def space(self, context: Context) -> Space:
        """List the values worth trying here, per parameter, in the order of the prototype's grid.

        Only called where `why_not` answers None.
        """

    @abstractmethod
    def schedule(self, params: Params, context: Context) -> Schedule:
        """Tell what these parameters make the pipeline leave out, and when.

        Two parameter sets are the same point if, and only if, their schedules are equal. A search
        learns from it which points resemble each other.

        Args:
            params: The method's own parameters; they need not be values of `space`.
            context: Where the stack works.

        Returns:
            The shares of each of `context.calls` calls, or the features that a search learns from
            where shares are not known beforehand (`Dynamic`) or not left out at all (`Lossless`).

        Raises:
            RefusedError: If the values, all numbers of the right kind, cannot work here.
        """

    def off(self, context: Context) -> Params | None:
        """The parameters, values of `space` or not, at which the method changes nothing.

        Those that it does not name may be any. None of a method that always changes something: a
        stack that holds it has no lossless point.
        """
        return None

    def assumed(self, calls: int) -> Learned:
        """What is reckoned with where `Context.learned` says nothing.

        Args:
            calls: How often one generation calls the denoiser.
        """
        return ()

    def narrowed(self, params: Params, context: Context) -> Context:
        """Tell in which context these parameters make the other methods of the stack work."""
        return context

    def why_not_pipe(self, pipe: Any) -> str | None:
        """Tell why the method cannot work on a pipe as it is now, or None if it can."""
        return None

    def why_not_machine(self, device: Literal["cpu", "cuda"]) -> str | None:
        """Tell what this machine lacks to run the method, and what to do, or None if nothing."""
        return None
