"""A generated EPCI: communes, hamlets, residents, candidates of three tiers, and minutes."""

from __future__ import annotations

from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy.sparse as sp

from planner.candidates import TIERS
from planner.rules import Rules
from planner.travel import TravelTimes

CUTOFF_MIN = 25.0
SIDE_KM = 23.0
DETOUR, KPH = 1.35, 47.0


class Epci(NamedTuple):
    """What the model takes."""

    minutes: TravelTimes
    demand: pd.DataFrame
    candidates: gpd.GeoDataFrame
    between: TravelTimes


def epci(
    *, points: int = 3_000, minis: int = 300, structuring: int = 12, zones: int = 5,
    communes: int = 35, seed: int = 0,
) -> Epci:  # fmt: skip
    """Return a rural EPCI of 45,000 inhabitants, 23 km across, from a seed."""
    draw = np.random.default_rng(seed)
    centre = draw.uniform(0, SIDE_KM, (communes, 2))
    people = np.sort(draw.pareto(1.3, communes) + 0.35)[::-1]
    people = 45_000 * people / people.sum()
    home, place, residents = _homes(draw, centre, people, points)
    chance = 0.5 * residents / residents.sum() + 0.5 / residents.size
    shop = place[draw.choice(residents.size, minis, p=chance, replace=False)]
    near = np.argmin(((shop[:, None] - centre[None]) ** 2).sum(axis=2), axis=1)
    big = np.argsort(-people)[:4]
    hall = np.repeat(big, structuring // 4)
    zone = draw.choice(big, zones)
    site = np.vstack(
        [
            centre[hall] + draw.normal(0, 0.5, (hall.size, 2)),
            shop,
            centre[zone] + draw.normal(0, 1, (zones, 2)),
        ]
    )
    rank = np.repeat([0, 1, 2], [hall.size, minis, zones])
    candidates = _candidates(draw, rank, np.concatenate([hall, near, zone]))
    index = pd.Index([f"p{n:06}" for n in range(residents.size)], dtype=object)
    demand = pd.DataFrame(
        {
            "residents": residents,
            "users": residents * 0.0025,
            "commune": [f"c{n:02}" for n in home],
        },
        index=index,
    )
    there = _minutes(place, site)
    back = _minutes(site, site)
    return Epci(
        _times(there, index, candidates.index),
        demand,
        candidates,
        _times(np.minimum(back, back.T), candidates.index, candidates.index),
    )


def all_rules(*, minis: int = 12, **others: object) -> Rules:
    """Return rules with everything on: numbers, spacing, budgets, communes, equity."""
    return Rules(
        at_least={"structuring": 3, "mini": 0, "corpoworking": 1},
        at_most={"structuring": 3, "mini": minis, "corpoworking": 1},
        commune_sites_max=2,
        spacing_min={"mini": 5.0, "structuring": 8.0},
        invest_max_eur=1_200_000,
        running_max_eur=250_000,
        commune_invest_max_eur=400_000,
        commune_share_min=0.6,
        **others,  # type: ignore[arg-type] # any rule
    )


def _homes(
    draw: np.random.Generator, centre: np.ndarray, people: np.ndarray, points: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the commune, the place and the residents of each demand point."""
    root = np.sqrt(people)
    share = np.maximum(8, (points * root / root.sum()).astype(int))
    home, place, residents = [], [], []
    for commune, count in enumerate(share):
        hamlets = 3 + count // 15
        hamlet = centre[commune] + draw.normal(0, 1.4, (hamlets, 2))
        hamlet[0] = centre[commune]
        chance = np.r_[0.4, np.full(hamlets - 1, 0.6 / (hamlets - 1))]
        place.append(
            hamlet[draw.choice(hamlets, count, p=chance)] + draw.normal(0, 0.45, (count, 2))
        )
        weight = draw.gamma(0.8, 1, count)
        residents.append(people[commune] * weight / weight.sum())
        home += [commune] * int(count)
    found = np.array(home), np.vstack(place), np.round(np.concatenate(residents), 2)
    if found[0].size > points:
        kept = draw.permutation(found[0].size)[:points]
        return found[0][kept], found[1][kept], found[2][kept]
    return found


def _candidates(
    draw: np.random.Generator, rank: np.ndarray, commune: np.ndarray
) -> gpd.GeoDataFrame:
    size = rank.size
    invest = np.choose(
        rank,
        [
            draw.integers(80, 300, size) * 1000,
            draw.integers(4, 12, size) * 1000,
            draw.integers(100, 250, size) * 1000,
        ],
    )
    running = np.choose(rank, [draw.integers(30, 45, size) * 1000, np.full(size, 720), 40_000])
    index = pd.Index([f"s{n:04}" for n in range(size)], dtype=object)
    columns: dict[str, object] = {
        "status": "candidate",
        "commune": [f"c{n:02}" for n in commune],
    }
    for number, tier in enumerate(TIERS):
        columns |= {
            tier: rank == number,
            f"invest_eur_{tier}": invest,
            f"running_eur_{tier}": running,
            f"users_seated_{tier}": (40.0, 5.5, 56.0)[number],
        }
    nowhere = gpd.GeoSeries([None] * size, index=index)
    return gpd.GeoDataFrame(columns, index=index, geometry=nowhere)


def _minutes(origins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return minutes as the crow flies, with a detour that waves over the country."""
    km = np.sqrt(((origins[:, None] - ends[None]) ** 2).sum(axis=2))
    wave = np.sin(1.7 * origins[:, None, 0] + 2.3 * ends[None, :, 1]) * np.cos(
        1.3 * origins[:, None, 1] - 1.9 * ends[None, :, 0]
    )
    return np.round(km * DETOUR * (1 + 0.25 * wave) / KPH * 60 + 0.5, 2)


def _times(dense: np.ndarray, origins: pd.Index, ends: pd.Index) -> TravelTimes:
    kept = dense <= CUTOFF_MIN
    matrix = sp.csr_array((dense[kept], np.nonzero(kept)), shape=dense.shape)
    return TravelTimes(
        matrix, origins, ends, CUTOFF_MIN, estimated=False,
        unreachable_origins=origins[:0], unreachable_destinations=ends[:0],
    )  # fmt: skip
