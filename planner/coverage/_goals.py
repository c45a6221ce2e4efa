"""What is asked of a plan: a goal to make as large as possible, and goals already reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from planner.coverage._layers import Floats, Layer


@dataclass(frozen=True)
class Part:
    """The worth of a layer, or of one of its blocks, as a share of something."""

    layer: str
    block: int | None
    scale: float


@dataclass(frozen=True, eq=False)
class Goal:
    """A number that a plan has, to be made as large as possible.

    Either a sum, over options and layers, or the smallest of some parts.

    Attributes
    ----------
    name
        What outputs call it.
    unit
        Smallest difference between the values of two plans; for a smallest part, the difference
        that no longer matters.
    options
        Worth of each option by itself; None for nothing.
    layers
        How much one of each layer counts.
    least
        When given, the goal is the smallest of these instead.
    offset
        Added to the sum.
    """

    name: str
    unit: float
    options: Floats | None = None
    layers: Mapping[str, float] = field(default_factory=dict)
    least: tuple[Part, ...] = ()
    offset: float = 0.0

    @property
    def uses(self) -> tuple[str, ...]:
        """Names of the layers it looks at."""
        return tuple(sorted({*self.layers, *(part.layer for part in self.least)}))

    def value(self, opened: Floats, worth: Mapping[str, Floats]) -> float:
        """Return the value of whole openings, given what each layer's blocks are worth."""
        if self.least:
            return min(part_of(part, worth) / part.scale for part in self.least)
        total = self.offset
        if self.options is not None:
            total += float(self.options @ opened)
        total += sum(weight * float(worth[name].sum()) for name, weight in self.layers.items())
        return round(total / self.unit) * self.unit


@dataclass(frozen=True)
class Held:
    """A goal that must not fall below a value."""

    goal: Goal
    value: float


def part_of(part: Part, worth: Mapping[str, Floats]) -> float:
    """Return what a part is worth, before its scale."""
    blocks = worth[part.layer]
    return float(blocks.sum() if part.block is None else blocks[part.block])


def worths(layers: Mapping[str, Layer], names: Sequence[str], opened: Floats) -> dict[str, Floats]:
    """Return what the blocks of some layers are worth at whole openings."""
    return {name: layers[name].values(np.asarray(opened, np.float64)) for name in names}
