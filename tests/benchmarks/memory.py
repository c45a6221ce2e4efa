"""Peak memory of one run against its estimate, from a village to 400 communes × 3,000 sites.

Each run is a process of its own. The factors of `planner.batch._memory` are right where every
estimate is above the peak, and not by much.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import figure, print_table

TESTS = Path(__file__).parents[1]
# communes, premises a commune, copies of each demand point
CASES = ((4, 4, 1), (35, 4, 1), (35, 10, 20), (100, 8, 10), (400, 8, 1), (400, 8, 10), (400, 8, 40))
ONE = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[1])
from dataclasses import replace
from pathlib import Path
import numpy as np, pandas as pd
import geopandas as gpd
from region import epci
from planner import Scenario, run, territory
from planner.batch import size

communes, premises, copies = map(int, sys.argv[3:6])
folder = Path(sys.argv[2])
if sys.argv[6] == "build":
    epci(folder, seed=1, communes=communes, premises=premises)
    raise SystemExit
home = territory.read(folder)
if copies > 1:
    random = np.random.default_rng(0)
    people = home.residents
    many = people.loc[people.index.repeat(copies)].copy()
    move = random.uniform(-400, 400, (2, len(many)))
    many["residents"] /= copies
    x, y = many.geometry.x + move[0], many.geometry.y + move[1]
    many = many.set_geometry(gpd.points_from_xy(x, y, crs=people.crs))
    many.index = pd.Index([f"{i}-{n}" for n, i in enumerate(many.index)], name="id")
    home = replace(home, residents=many, digest=f"{home.digest}-{copies}")
scenario = Scenario(structuring_sites=3 if communes > 10 else 0, time_limit_s=60)
found = size(home, scenario)
began = time.perf_counter()
plan = run(home, scenario)
plan.files()
print(json.dumps({
    "points": found.points, "sites": found.sites, "pairs": found.pairs,
    "road_bytes": found.road_bytes, "km2": found.km2, "estimate": found.bytes,
    "peak": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    "seconds": time.perf_counter() - began, "proven": plan.proven,
}))
"""


def report(cases: tuple[tuple[int, int, int], ...] = CASES) -> None:
    """Print the table."""
    rows = []
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            told = _told(case, Path(folder) / "home")
        rows.append(
            (
                f"{case[0]}", f"{told['points']:,}", f"{told['sites']:,}", f"{told['pairs']:,}",
                f"{told['road_bytes']:,}", f"{told['km2']:,.0f}", figure(told["peak"] / 2**20, 4),
                figure(told["estimate"] / 2**20, 4), figure(told["estimate"] / told["peak"]),
                figure(told["seconds"]), "yes" if told["proven"] else "no",
            )
        )  # fmt: skip
        print(json.dumps(told), file=sys.stderr)
    head = ("communes", "points", "sites", "pairs", "road bytes", "km²", "peak MiB", "estimate MiB")
    print_table(
        "Peak memory of a run, and its estimate",
        (*head, "estimate / peak", "seconds", "proven"),
        rows,
    )


def _told(case: tuple[int, int, int], folder: Path) -> dict[str, float]:
    """Return what one case took, in a process of its own: building it must not count."""
    words = [sys.executable, "-c", ONE, str(TESTS), str(folder), *map(str, case)]
    subprocess.run([*words, "build"], check=True)
    done = subprocess.run([*words, "run"], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    report()
