"""From the prices of the program to hints in the terms of the input: ids and demand points."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from planner.candidates import TIERS
from planner.coverage._layers import Floats, Longs, Rows
from planner.coverage._master import Prices
from planner.coverage._seats import rows_of
from planner.coverage._space import MASS, Space
from planner.coverage._stages import Reached
from planner.rules import Hints


def hints_of(
    space: Space, demand: pd.DataFrame, sites: pd.Index, reached: Reached
) -> Mapping[str, Hints]:
    """Return, for each stage that has prices, what its bound can be worked out from.

    Parameters
    ----------
    space
        Of the question.
    demand, sites
        Sorted by id.
    reached
        The answer, stage by stage.

    Returns
    -------
    Mapping[str, Hints]
        By stage; for demand points in the order of `demand`.
    """
    return {
        stage.name: replace(
            (one := _hints(space, len(demand), found.prices)),
            seats=_seats(space, sites, found.prices),
            rules=dict(one.rules) | _covers(space, sites, found.prices),
        )
        for stage, found in zip(reached.stages, reached.found, strict=True)
        if found is not None and found.prices is not None
    }


def _hints(space: Space, points: int, prices: Prices) -> Hints:
    rules = {
        (rule.kind, rule.subject): float(price)
        for rule, price in zip(space.rules, prices.rules, strict=True)
        if price
    }
    communes = {
        floor.rule.subject[0]: float(price)
        for floor, price in zip(space.floors, prices.floors, strict=False)
        if price
    }
    peopled = [space.blocks[block] for block in np.flatnonzero(space.people > 0)]
    return Hints(
        rules=rules,
        communes=communes,
        held={name: tuple(map(float, price)) for name, price in prices.held.items()},
        least=dict(zip(peopled, map(float, prices.least), strict=False)),
        points={
            name: _by_point(space.layers[name], prices.rows[name])
            for name in prices.rows
            if isinstance(rows_of(space.layers[name]), Rows)
        },
        must={name: _must(points, price, prices.must_point[name])
              for name, price in prices.must.items()},
    )  # fmt: skip


def _by_point(layer: object, price: Floats) -> Floats:
    """Share the price of a row among the demand points it stands for, by their weight."""
    layer = rows_of(layer)
    if not isinstance(layer, Rows):
        return np.zeros(0)
    found = np.zeros(layer.source.size)
    some = layer.source >= 0
    top = layer.gain[layer.pointer[:-1]]
    share = np.divide(price, top, out=np.zeros(top.size), where=top > 0)
    found[some] = share[layer.source[some]]
    return found


def _covers(
    space: Space, sites: pd.Index, prices: Prices
) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return the price of what rules imply.

    Of floors: by commune, then sites and tiers, of which one opens. Of critical mass: by tier, then
    the site, then those that leave it short.
    """
    return {
        (rule.kind, rule.subject)
        if rule.kind == MASS
        else ("cover", (*rule.subject, *_names(space, sites, options))): price
        for rule, options, price in prices.covers
    }


def _names(space: Space, sites: pd.Index, options: Longs) -> Iterator[str]:
    for option in options.tolist():
        yield str(sites[space.site[option]])
        yield TIERS[space.tier[option]]


def _seats(space: Space, sites: pd.Index, prices: Prices) -> dict[tuple[str, str], float]:
    """Return the price of a seat by site and tier."""
    return {
        (str(sites[space.site[option]]), TIERS[space.tier[option]]): float(price[option])
        for price in prices.seats.values()
        for option in np.flatnonzero(price).tolist()
    }


def _must(points: int, price: Floats, point: Longs) -> Floats:
    found = np.zeros(points)
    found[point.astype(np.int64)] = np.abs(price)
    return found
