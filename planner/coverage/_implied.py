"""Rows that rules imply, learnt where a question breaks them: of floors, and of critical mass."""

from typing import TYPE_CHECKING

import numpy as np

from planner.coverage._layers import Floats
from planner.coverage._mass import Row
from planner.coverage._space import MASS, Rule

if TYPE_CHECKING:
    from planner.coverage._master import Master

_SMALL = 1e-7
_COVER = 0.01  # by how much a cover must be broken to be worth a row


def covers(master: "Master", opened: Floats) -> list[Row]:
    """Return rows that floors imply: of the options that some set leaves short, one opens.

    Whatever options together leave a block below its floor, another must open: the cover
    inequality of knapsacks (Balas 1975), for coverage. The set is grown greedily from the
    options most open.
    """
    rows = []
    for floor in master.floors:
        block = master.space.block_of(floor.layer, floor.block)
        if block is None:
            continue
        served, weight, options = block
        covered = np.zeros(weight.size, np.bool_)
        outside = []
        for k in np.argsort(-opened[options], kind="stable"):
            both = covered | served[:, k]
            if weight[both].sum() < floor.value - _SMALL:
                covered = both
            else:
                outside.append(options[k])
        if opened[outside].sum() < 1.0 - _COVER:
            row = np.zeros(master.width)
            row[outside] = 1.0
            rows.append((row, 1.0, np.inf))
            master.implied_by.append(floor.rule)
    master.implied += rows
    return rows


def masses(master: "Master", opened: Floats) -> list[Row]:
    """Return rows of critical mass that some openings break."""
    mass = master.space.mass
    if mass is None:
        return []
    found = mass.learn(opened)
    pad = np.zeros(master.width - master.space.options)
    rows = [(np.append(row, pad), low, high) for _, (row, low, high) in found]
    master.implied += rows
    master.implied_by += [Rule(MASS, subject) for subject, _ in found]
    return rows
