"""Road maps drawn as text, written as real OpenStreetMap files: tests that read as pictures.

A letter or digit is a node; ``-`` and ``|`` join the nodes at their ends; a character is so many
metres wide and a line so many high::

    A----B----C
         |
         D

`draw` takes the picture and says which ways run over it, each by its nodes: a way may only go
where a line is drawn, so that picture and ways cannot disagree. `flat` is a profile by which a
metre takes a tenth of a second, so that times can be read off the picture.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import osmium
from osmium.osm.mutable import Node, Way

from planner.network import PROFILES, Profile, RoadNetwork, read_osm

ORIGIN = (4.6, 46.0)  # longitude and latitude of the upper left corner
DEGREE_M = np.radians(1.0) * 6_371_009.0
FLAT_KPH = 36.0  # a metre in a tenth of a second

Tags = Mapping[str, str]
WayTags = str | Tags  # "residential" is short for {"highway": "residential"}


def flat(mode: str = "car", **changes: object) -> Profile:
    """Return the profile of a mode with every class at 36 km/h and no time lost anywhere."""
    profile = PROFILES[mode]
    lost = {name: 0.0 for name in vars(profile) if name.endswith("_s")}
    plain = {
        "kph": dict.fromkeys(profile.kph, FLAT_KPH),
        "maxspeed_share": 1.0,
        "fastest_kph": 200.0,
        "surface_cap_kph": {},
    }
    return replace(profile, name="flat", **lost | plain | changes)


@dataclass(frozen=True)
class RoadMap:
    """A drawn map: where its nodes are, and what its ways are."""

    node: Mapping[str, tuple[float, float]]  # longitude, latitude
    number: Mapping[str, int]  # OpenStreetMap id
    ways: tuple[tuple[str, Tags], ...]
    tags: Mapping[str, Tags]
    missing: str

    def write(self, path: Path, *, options: str = "") -> Path:
        """Write an OpenStreetMap file; its suffix says which kind, libosmium's options how."""
        kind = path.name.partition(".")[2]
        file = osmium.io.File(str(path), f"{kind},{options}" if options else kind)
        with osmium.SimpleWriter(file, overwrite=True) as writer:
            for letter, number in self.number.items():
                if letter not in self.missing:
                    writer.add_node(
                        Node(
                            id=number,
                            version=1,
                            location=self.node[letter],
                            tags=dict(self.tags.get(letter, {})),
                        )
                    )
            for number, (letters, tags) in enumerate(self.ways, start=1):
                refs = [self.number[letter] for letter in letters]
                writer.add_way(Way(id=number, version=1, nodes=refs, tags=dict(tags)))
        return path

    def read(self, folder: Path, *, profile: Profile | str | None = None) -> RoadNetwork:
        """Write the map and read it back as a network, by default at 36 km/h everywhere."""
        path = self.write(folder / "map.osm.pbf")
        return read_osm(path, profile=flat() if profile is None else profile)

    def places(self, *names: str) -> gpd.GeoDataFrame:
        """Return points, by name: ``B``, or ``B+30,-20`` for 30 m east and 20 m south of it."""
        points = []
        for name in names:
            letter, _, shift = name.partition("+")
            east, north = map(float, shift.split(",")) if shift else (0.0, 0.0)
            lon, lat = self.node[letter]
            points.append((lon + east / _degree_m()[0], lat + north / _degree_m()[1]))
        geometry = gpd.points_from_xy(*np.array(points).reshape(-1, 2).T)
        return gpd.GeoDataFrame(index=list(names), geometry=geometry, crs=4326)

    def letters(self, roads: RoadNetwork) -> list[str]:
        """Return the letter of each node of a network; ``#`` for a side of a closed barrier."""
        letter = {number: letter for letter, number in self.number.items()}
        return [letter.get(int(number), "#") for number in roads.node_id]

    def segments(self, roads: RoadNetwork) -> dict[str, tuple[int, int]]:
        """Return the times of each segment, there and back, by its letters, ``-1`` if closed.

        A second segment between the same nodes is ``AB'``, a third ``AB''``.
        """
        letters, found = self.letters(roads), {}
        for i in range(roads.start.size):
            ends = letters[roads.start[i]], letters[roads.end[i]]
            times = int(roads.forward_ds[i]), int(roads.backward_ds[i])
            name = "".join(ends)
            while name in found:
                name += "'"
            found[name] = times
        return found


def draw(
    picture: str,
    ways: Mapping[str, WayTags] | Iterable[tuple[str, WayTags]],
    *,
    metres: float = 100.0,
    tags: Mapping[str, Tags] | None = None,
    missing: str = "",
) -> RoadMap:
    """Read a picture; see the module docstring.

    Parameters
    ----------
    picture
        The map, rows as lines.
    ways
        Nodes and tags of each way, as a mapping or as pairs.
    metres
        Width of a character and height of a line.
    tags
        Tags of nodes.
    missing
        Nodes that the file does not hold though ways refer to them.
    """
    grid = dict(_characters(picture))
    node = {
        c: (ORIGIN[0] + x * metres / _degree_m()[0], ORIGIN[1] - y * metres / _degree_m()[1])
        for (x, y), c in sorted(grid.items(), key=lambda item: item[1])
        if c.isalnum()
    }
    pairs = tuple(ways.items() if isinstance(ways, Mapping) else ways)
    joined = set(_joined(grid))
    for letters, _ in pairs:
        for a, b in itertools.pairwise(letters):
            if a != b and (a, b) not in joined:
                raise ValueError(f"no line is drawn from {a} to {b} in\n{picture}")
    return RoadMap(
        node=node,
        number={letter: i for i, letter in enumerate(node, start=1)},
        ways=tuple((k, {"highway": t} if isinstance(t, str) else t) for k, t in pairs),
        tags=tags or {},
        missing=missing,
    )


def _degree_m() -> tuple[float, float]:
    return DEGREE_M * float(np.cos(np.radians(ORIGIN[1]))), DEGREE_M


def _characters(picture: str) -> Iterable[tuple[tuple[int, int], str]]:
    rows = picture.strip("\n").split("\n")
    margin = min(len(row) - len(row.lstrip()) for row in rows if row.strip())
    for y, row in enumerate(rows):
        for x, character in enumerate(row[margin:].rstrip()):
            if character != " ":
                if not (character.isalnum() or character in "-|"):
                    raise ValueError(f"what is {character!r} on line {y + 1} of\n{picture}")
                yield (x, y), character


def _joined(grid: Mapping[tuple[int, int], str]) -> Iterable[tuple[str, str]]:
    """Yield the pairs of nodes that a line joins, each both ways."""
    for (x, y), letter in grid.items():
        if not letter.isalnum():
            continue
        for dx, dy, line in ((1, 0, "-"), (0, 1, "|")):
            at = x + dx, y + dy
            while grid.get(at) == line:
                at = at[0] + dx, at[1] + dy
            if grid.get(at, "").isalnum():
                yield letter, grid[at]
                yield grid[at], letter
