"""The planner's minutes against OSRM's and Valhalla's, pair by pair.

``oracles.py`` writes the tables of engine times, in an environment of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
from harness import print_table

from planner import network, travel

if TYPE_CHECKING:
    from planner.network import RoadNetwork

SHIPPED_TABLE = Path(__file__).parents[1] / "fixtures" / "engines-liechtenstein.csv"
_PROFILES = ("car_slow", "car", "car_fast")
_MAX_SNAP_M = 20.0
_LONGEST_MIN = 240.0


def report(path: Path, table_path: Path) -> None:
    """Print the table of one extract."""
    roads, pairs = network.read_osm(path), pd.read_csv(table_path)
    engines = {
        "OSRM": pairs["osrm_s"],
        "Valhalla": pairs["valhalla_s"],
        "both, geometric mean": np.sqrt(pairs["osrm_s"] * pairs["valhalla_s"]),
    }
    rows = []
    for profile in _PROFILES:
        seconds = pair_seconds(roads.with_profile(profile), pairs)
        rows += [(profile, name, *_figures(seconds / engine)) for name, engine in engines.items()]
    rows.append(("(Valhalla)", "OSRM", *_figures(pairs["valhalla_s"] / pairs["osrm_s"])))
    header = ("profile", "against", "pairs", "no way", "p10", "median", "p90", "median error")
    print_table(
        f"Accuracy: {path.name}, {len(pairs):,} pairs of {table_path.name}; ratio planner / engine",
        header,
        rows,
        words=2,
    )


def pair_seconds(roads: RoadNetwork, pairs: pd.DataFrame) -> pd.Series:
    """Return the planner's seconds of each pair, inf where it finds no way."""
    places = {
        end: pairs[[f"{end}_lon", f"{end}_lat"]].drop_duplicates(ignore_index=True)
        for end in ("origin", "destination")
    }
    points = [
        gpd.GeoDataFrame(geometry=gpd.points_from_xy(*at.to_numpy().T), crs=4326)
        for at in places.values()
    ]
    found = travel.times(roads, *points, cutoff_min=_LONGEST_MIN, max_snap_m=_MAX_SNAP_M)
    rows, columns = (
        pd.MultiIndex.from_frame(at).get_indexer(pd.MultiIndex.from_frame(pairs[list(at.columns)]))
        for at in places.values()
    )
    return pd.Series(60.0 * found.to_dense()[rows, columns], index=pairs.index)


def _figures(ratio: pd.Series) -> tuple[str, ...]:
    """Return pairs, those without a way, p10, median, p90, median absolute percentage error."""
    asked = ratio.dropna()  # an engine without a route gives no ratio
    known = asked[np.isfinite(asked)]
    low, middle, high = np.percentile(known, [10, 50, 90])
    error = np.median(np.abs(known - 1))
    quantiles = (f"{value:.3f}" for value in (low, middle, high))
    return f"{len(known):,}", str(len(asked) - len(known)), *quantiles, f"{100 * error:.1f} %"
