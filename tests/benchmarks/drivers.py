"""OSRM and Valhalla: engines that read OpenStreetMap files and snap coordinates themselves."""

from __future__ import annotations

import importlib
import json
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from engines import Engine

if TYPE_CHECKING:
    from types import ModuleType

    from harness import Reach
    from numpy.typing import NDArray

    from planner.network import RoadNetwork

_MATRIX_TARGETS = 1_000
_OSRM_EARTH_M = 6_372_797.560856
_PROFILE = """
api_version = 4
function setup()
  return {
    properties = {
      weight_name = 'duration', u_turn_penalty = 0, max_speed_for_map_matching = 50,
      continue_straight_at_waypoint = false, use_turn_restrictions = false
    }
  }
end
function process_node(profile, node, result) end
function process_way(profile, way, result)
  for _, side in ipairs({'forward', 'backward'}) do
    local kph = tonumber(way:get_value_by_key(side)) or 0
    if kph > 0 then
      result[side .. '_mode'] = mode.driving
      result[side .. '_speed'] = kph
      result[side .. '_rate'] = kph / 3.6
    end
  end
end
function process_turn(profile, turn) turn.duration = 0; turn.weight = 0 end
return {setup = setup, process_node = process_node, process_way = process_way,
        process_turn = process_turn}
"""


class Osrm(Engine):
    """OSRM's table, contracted, on the planner's own graph and times."""

    name, module, distribution = "OSRM table (CH)", "osrm", "osrm-bindings"
    does = "no cutoff; contracts first (not timed); snaps its points every time; dense"
    largest = 200_000
    tolerance_ds = 10.0

    def prepare(self) -> None:
        """Write the graph as an OpenStreetMap file of 2-point ways; extract and contract it."""
        self.osrm = importlib.import_module(self.module)
        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        write_graph(self.graph.roads, folder / "graph.osm.pbf")
        (folder / "times.lua").write_text(_PROFILE, encoding="utf-8")
        lua = ("-p", folder / "times.lua", "-o", folder / "graph.osrm")
        run(self.osrm, "osrm-extract", *lua, folder / "graph.osm.pbf")
        run(self.osrm, "osrm-contract", folder / "graph.osrm")
        self.engine = self.osrm.OSRM(
            storage_config=str(folder / "graph.osrm"),
            algorithm="CH",
            use_shared_memory=False,
            max_locations_distance_table=-1,
        )
        roads = self.graph.roads
        at = np.column_stack((roads.lon, roads.lat))
        self.pairs = [
            tuple(place) for place in np.concatenate((at[self.nodes], at[self.targets])).tolist()
        ]

    def search(self) -> Any:
        """Ask for one table: sources by targets."""
        count = self.nodes.size
        return self.engine.Table(
            self.osrm.TableParameters(
                coordinates=self.pairs,
                sources=list(range(count)),
                destinations=list(range(count, len(self.pairs))),
                annotations=["duration"],
                generate_hints=False,
            )
        )

    def reached(self, answer: Any) -> list[Reach]:
        """Read the table of seconds."""
        return [self._within(_numbers(row) * 10) for row in answer["durations"]]


class ValhallaMatrix(Engine):
    """Valhalla's matrix, at its own speeds: nothing to compare but the clock."""

    name, module, distribution = "Valhalla matrix", "valhalla", "pyvalhalla"
    does = (
        "1,000 targets; its own speeds and turns, so other answers; builds tiles first (not timed)"
    )
    sources = 20
    largest = 200_000
    reads_file = True

    def prepare(self) -> None:
        """Build tiles of the file; take 1,000 nodes at most as targets."""
        self.folder = tempfile.TemporaryDirectory()
        self.actor = valhalla_actor(self.graph.path, Path(self.folder.name))
        targets = self.graph.sources(min(_MATRIX_TARGETS, self.graph.nodes // 2))
        self.question = {
            "sources": locations(self.graph.roads, self.nodes),
            "targets": locations(self.graph.roads, targets),
            "costing": "auto",
        }

    def search(self) -> Any:
        """Ask for one matrix."""
        return self.actor.matrix(self.question)

    def reached(self, answer: Any) -> list[Reach]:
        """Return nothing: the speeds are its own."""
        del answer
        return []


def valhalla_actor(path: Path, folder: Path) -> Any:
    """Build Valhalla's tiles of a file and start the engine on them."""
    valhalla = importlib.import_module("valhalla")
    tiles = folder / "tiles"
    tiles.mkdir()
    config = valhalla.get_config(tile_extract="", tile_dir=tiles)
    config["mjolnir"] |= {"timezone": "", "landmarks": "", "admin": ""}
    config["service_limits"]["auto"]["max_matrix_location_pairs"] = 10_000_000
    settings = folder / "valhalla.json"
    settings.write_text(json.dumps(config), encoding="utf-8")
    run(valhalla, "valhalla_build_tiles", "-c", settings, path)
    return valhalla.Actor(config)


def locations(roads: RoadNetwork, nodes: NDArray[np.int64]) -> list[dict[str, float]]:
    """Return nodes as Valhalla's locations."""
    places = zip(roads.lon[nodes].tolist(), roads.lat[nodes].tolist(), strict=True)
    return [{"lon": lon, "lat": lat} for lon, lat in places]


def write_graph(roads: RoadNetwork, path: Path) -> None:
    """Write every segment as a way of two nodes, with the speeds that give its times."""
    osmium = importlib.import_module("osmium")
    made = osmium.osm.mutable
    lon, lat = (np.round(at, 6) for at in (roads.lon, roads.lat))
    metres = _haversine_m(lon, lat, roads.start, roads.end)
    speeds = [
        np.where(ds > 0, 36.0 * metres / np.maximum(ds, 1), 0.0)
        for ds in (roads.forward_ds, roads.backward_ds)
    ]
    with osmium.SimpleWriter(str(path)) as writer:
        for node, at in enumerate(zip(lon.tolist(), lat.tolist(), strict=True), start=1):
            writer.add_node(made.Node(id=node, version=1, location=at))
        ends = (roads.start.tolist(), roads.end.tolist())
        columns = zip(*ends, *(kph.tolist() for kph in speeds), strict=True)
        for way, (start, end, forward, backward) in enumerate(columns, start=1):
            tags = {"forward": f"{forward:.6f}", "backward": f"{backward:.6f}"}
            nodes = [start + 1, end + 1]
            writer.add_way(made.Way(id=way, version=1, nodes=nodes, tags=tags))


def run(package: ModuleType, program: str, *arguments: str | Path) -> None:
    """Run one of the programs in an engine's wheel, showing its output if it fails."""
    command = [str(Path(package.__path__[0]) / "bin" / program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def _haversine_m(lon, lat, start, end) -> NDArray[np.float64]:
    """Return great-circle metres on OSRM's sphere."""
    x, y = np.radians(lon), np.radians(lat)
    half = np.sin((y[end] - y[start]) / 2) ** 2
    half += np.cos(y[start]) * np.cos(y[end]) * np.sin((x[end] - x[start]) / 2) ** 2
    return 2 * _OSRM_EARTH_M * np.arcsin(np.sqrt(half))


def _numbers(row: Any) -> NDArray[np.float64]:
    return np.array([np.inf if value is None else value for value in row], float)
