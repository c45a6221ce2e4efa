"""Made-up EPCI of any size, as real files: villages, lanes between them, people around them.

They are for what only size can show: memory, time that stays flat, batches of a hundred. Nothing
of them is like a real place but their shape: a square of communes of 4 km, a village in each,
four people in ten within 500 m of it, and a lattice of lanes with a main road every 4 km.
"""

import csv
from pathlib import Path

import numpy as np
import osmium
from osmium.osm.mutable import Node, Way
from pyproj import Transformer

from planner import territory
from planner.territory import Territory

CELL_M = 1_000
COMMUNE_M = 4_000
LANE_M = 500
ORIGIN = (3_900_000, 2_580_000)  # EPSG:3035, on the grid of Insee
KINDS = ("bakery", "supermarket", "cafe", "townhall", "community_centre")


def epci(
    folder: Path,
    *,
    seed: int,
    communes: int = 35,
    cells: int = 40,
    premises: int = 4,
) -> Territory:
    """Build a made-up territory of so many communes, inhabited cells and premises in each."""
    random = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(communes)))
    corner = np.array(ORIGIN) + 200_000 * np.array([seed % 7, seed // 7 % 7])
    degrees = Transformer.from_crs(3035, 4326, always_xy=True)
    inputs = folder.parent / f"{folder.name}-files"
    inputs.mkdir(parents=True)
    homes = [corner + COMMUNE_M * np.array(divmod(i, side)) for i in range(communes)]
    codes = [f"r{i + 1}" for i in range(communes)]
    people, heads = [], []
    places = []
    for number, (code, home) in enumerate(zip(codes, homes, strict=True)):
        centre = home + COMMUNE_M / 2 + random.uniform(-600, 600, 2)
        reach = random.exponential(900, cells) * np.where(random.random(cells) < 0.4, 0.3, 1)
        angle = random.uniform(0, 2 * np.pi, cells)
        at = centre + (reach * np.array([np.cos(angle), np.sin(angle)])).T
        at = np.clip(at, home + 1, home + COMMUNE_M - 1)
        squares = np.unique((at // CELL_M).astype(int) * CELL_M, axis=0)
        heads_here = 0
        for x, y in squares.tolist():
            count = 2 + int(random.exponential(60) * (6 if number % 9 == 4 else 1))
            heads_here += count
            name = f"CRS3035RES{CELL_M}mN{y}E{x}"
            people.append((name, x, y, f"{count}.0", code, "1.0"))
        lon, lat = degrees.transform(*centre)
        heads.append((code, f"Village {code}", heads_here, "", "", lon, lat, "made up"))
        for n in range(premises):
            spot = np.clip(centre + random.normal(0, 400, 2), home + 1, home + COMMUNE_M - 1)
            x, y = degrees.transform(*spot)
            kind = KINDS[n % len(KINDS)] if n or number % 8 else "activity_zone"
            places.append(
                (f"{code}-{n}", f"{kind} {code} {n}", kind, code, x, y, "candidate", "made up")
            )
    head = ("code", "name", "population", "siren", "postcodes", "lon", "lat", "point_source")
    _csv(inputs / "communes.csv", head, heads)
    head = ("idcar_1km", "x", "y", "residents_2019", "commune", "share_inside")
    _csv(inputs / "residents.csv", head, people)
    head = ("id", "name", "kind", "commune", "lon", "lat", "status", "source")
    _csv(inputs / "premises.csv", head, places)
    roads(inputs / "roads.osm.pbf", corner, side * COMMUNE_M, random=random)
    return territory.build(
        folder,
        title=f"EPCI {seed}",
        communes=inputs / "communes.csv",
        residents=inputs / "residents.csv",
        premises=inputs / "premises.csv",
        pbf=inputs / "roads.osm.pbf",
    )


def roads(path: Path, corner: np.ndarray, side_m: int, *, random: np.random.Generator) -> None:
    """Write a lattice of lanes, crooked, a sixth of them missing, with a main road every 4 km."""
    degrees = Transformer.from_crs(3035, 4326, always_xy=True)
    beyond = 4
    steps = side_m // LANE_M + 2 * beyond + 1
    row, column = np.divmod(np.arange(steps * steps), steps)
    xy = np.column_stack((row, column)) * LANE_M + corner - beyond * LANE_M
    lon, lat = degrees.transform(*(xy + random.uniform(-120, 120, xy.shape)).T)
    main = COMMUNE_M // LANE_M
    kept = random.random((2, steps * steps)) < 0.84
    with osmium.SimpleWriter(str(path), overwrite=True) as writer:
        for i in range(steps * steps):
            writer.add_node(Node(id=i + 1, version=1, location=(lon[i], lat[i])))
        way = 0
        for i in range(steps * steps):
            for axis, (last, step, across) in enumerate(
                ((row[i], steps, column[i]), (column[i], 1, row[i]))
            ):
                large = across % main == 0
                if last == steps - 1 or not (large or kept[axis, i]):
                    continue
                way += 1
                tags = {"highway": "secondary" if large else "unclassified"}
                writer.add_way(Way(id=way, version=1, nodes=[i + 1, i + step + 1], tags=tags))


def _csv(path: Path, head: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
