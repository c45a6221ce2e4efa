r"""Our map beside Folium's own: ``python tests/benchmarks/folium_map.py [--assets FOLDER]``.

The same plan twice: as `carte.html`, and as a Folium map with its own scripts, in the layers that
a Folium user would write: communes, isochrones and roads as GeoJson, residents left out, places
left out and sites as CircleMarkers with popups, LayerControl, Search. Neither has a background,
whose tiles would come from the network.

Folium's map links its scripts and styles; nothing is fetched here. `--assets` is a folder that
holds them, whatever its subfolders, as these leave it::

    for p in leaflet@1.9.3 jquery@3.7.1 bootstrap@5.2.2 leaflet.awesome-markers@2.0.5 \
             leaflet-search@2.9.7 @fortawesome/fontawesome-free@6.2.0
    do npm pack $p; done; for f in *.tgz; do mkdir ${f%.tgz}; tar xzf $f -C ${f%.tgz}; done

Without it there is Leaflet alone, the planner's own copy, and no Search; Folium's popups ask for
jQuery, so its map does not start and has no time. What is missing is named, weighs nothing and
loads in no time. Links are rewritten to those files, so both maps start from the disk: what a
network would add to Folium's is not in its time.

Interactive: the first animation frame after the load event, in ms after the navigation started.
Median of runs that take turns, in a Chromium that resolves no host; the last column is the same on
a processor four times slower.
"""

from __future__ import annotations

import argparse
import math
import re
import shutil
import statistics
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folium
from folium.plugins import Search
from harness import figure, print_table, version

import planner
from planner import Scenario, run, territory

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

    from planner import Plan

TERRITORIES = ("liechtenstein", "saone-beaujolais")
COLOURS = {"structuring": "#0072B2", "corpoworking": "#1F3A93", "mini": "#D55E00"}
OURS = Path(planner.__file__).parent / "assets"
SLOWER = 4
_LINK = re.compile(r'(?:src|href)="(https://[^"]+)"')
_WATCH = """
window.addEventListener("load", () => requestAnimationFrame(() => {
  window.interactive = performance.now();
}));
"""


def stock(plan: Plan, *, search: bool) -> str:
    """Return the plan's map as a Folium user would write it."""
    chart = folium.Map(tiles=None)
    west, south, east, north = plan.communes.total_bounds
    chart.fit_bounds([(south, west), (north, east)])
    told = plan.communes.reset_index()[["name", "population", "share_mesh", "geometry"]]
    fields = ["name", "population", "share_mesh"]
    communes = folium.GeoJson(
        told,
        name="Communes",
        tooltip=folium.GeoJsonTooltip(fields),
        popup=folium.GeoJsonPopup(fields),
    ).add_to(chart)
    for minutes, rows in plan.isochrones.groupby("minutes"):
        shapes = rows[["site", "tier", "geometry"]]
        folium.GeoJson(shapes, name=f"{minutes:g} min", show=False).add_to(chart)
    for name, frame in (("Routes", plan.roads), ("Eau", plan.water)):
        if frame is not None:
            folium.GeoJson(frame[[frame.geometry.name]], name=name).add_to(chart)
    _points(plan.outside, "Habitants", ["residents"], colour="#b3261e").add_to(chart)
    _points(plan.left_out, "Lieux non retenus", ["name", "kind", "why"], colour="#666").add_to(
        chart
    )
    for tier, rows in plan.sites.groupby("tier"):
        fields = ["name", "kind", "commune_name", "status", "seats", "residents_mesh", "users"]
        _points(rows, tier, fields, colour=COLOURS[tier], radius=9).add_to(chart)
    if search:
        Search(communes, search_label="name", geom_type="Polygon").add_to(chart)
    folium.LayerControl(collapsed=False).add_to(chart)
    return chart.get_root().render()


def _points(
    frame: GeoDataFrame, name: str, fields: list[str], *, colour: str, radius: float = 3
) -> folium.FeatureGroup:
    """Return points as CircleMarkers, each with its popup."""
    group = folium.FeatureGroup(name=name)
    for row in frame.to_crs(4326).itertuples():
        text = "<br>".join(f"<b>{field}</b> : {getattr(row, field)}" for field in fields)
        folium.CircleMarker(
            (row.geometry.y, row.geometry.x),
            radius=radius,
            color=colour,
            fill=True,
            popup=folium.Popup(text, max_width=300),
        ).add_to(group)
    return group


def linked(page: str, assets: Path | None) -> dict[str, Path | None]:
    """Return the addresses that a page loads, and the file that stands for each."""
    here = {path.name: path for path in sorted(assets.rglob("*"))} if assets else {}
    here = {path.name: path for path in sorted(OURS.glob("leaflet.*"))} | here
    found = {}
    for address in dict.fromkeys(_LINK.findall(page)):
        name = address.rpartition("/")[2]
        found[address] = here.get(name) or here.get(re.sub(r"-[\d.]+\.min", ".min", name))
    return found


def local(page: str, files: dict[str, Path | None], folder: Path) -> str:
    """Return the page with its links to copies in a folder; what there is no file for is empty."""
    for n, (address, path) in enumerate(files.items()):
        copy = folder / f"{n}-{address.rpartition('/')[2]}"
        copy.write_bytes(path.read_bytes() if path else b"")
        page = page.replace(f'"{address}"', f'"{copy.name}"')
    return page


def interactive_ms(browser: Any, path: Path) -> float:
    """Open a page and return when it was interactive."""
    browser.get("about:blank")
    browser.get(path.as_uri())
    wait = (
        "const done = arguments[0]; (function look() { window.interactive === undefined"
        " ? setTimeout(look, 20) : done(window.interactive); })()"
    )
    return float(browser.execute_async_script(wait))


def measured(plan: Plan, *, assets: Path | None, runs: int) -> dict[str, dict[str, float]]:
    """Return bytes and times of both maps of a plan, and print what is missing."""
    sys.path.append(str(Path(__file__).parents[1]))
    import browsers

    page = stock(plan, search=assets is not None)
    files = linked(page, assets)
    missing = [address.rpartition("/")[2] for address, path in files.items() if path is None]
    print(f"\n{plan.title}: no file here for {', '.join(missing) or 'nothing that is linked'}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pages = {"planner": folder / "ours.html", "folium": folder / "stock.html"}
        pages["planner"].write_text(plan.map(), encoding="utf-8")
        pages["folium"].write_text(local(page, files, folder), encoding="utf-8")
        sizes = {
            "planner": (len(plan.map().encode()), 0),
            "folium": (
                len(page.encode()),
                sum(path.stat().st_size for path in files.values() if path),
            ),
        }
        found = {
            one: {"page": float(own), "linked": float(more)} for one, (own, more) in sizes.items()
        }
        if any("jquery" in name for name in missing):
            del pages["folium"]
            found["folium"] |= {"ms": math.nan, "slow": math.nan}
        with browsers.started(folder / "profile") as browser:
            browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _WATCH})
            for key, rate in (("ms", 1), ("slow", SLOWER)):
                browser.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": rate})
                times: dict[str, list[float]] = {one: [] for one in pages}
                for _ in range(1 + runs):  # the first warms the browser up
                    for one, path in pages.items():
                        times[one].append(interactive_ms(browser, path))
                        assert not [said for said in browser.complaints() if "Error" in said]
                for one, taken in times.items():
                    found[one][key] = statistics.median(taken[1:])
        shutil.rmtree(folder / "profile", ignore_errors=True)
    return found


def report(*, assets: Path | None, runs: int) -> None:
    """Print the table."""
    rows = []
    for name in TERRITORIES:
        found = measured(run(territory.read(name), Scenario()), assets=assets, runs=runs)
        for one, told in found.items():
            cells = [f"{told['page']:,.0f}", f"{told['linked']:,.0f}"]
            rows.append((name, one, *cells, figure(told["ms"]), figure(told["slow"])))
        ours, theirs = found["planner"], found["folium"]
        whole = (theirs["page"] + theirs["linked"]) / (ours["page"] + ours["linked"])
        ratios = [figure(theirs[key] / ours[key]) for key in ("ms", "slow")]
        rows.append((name, "folium / planner", "", f"all {figure(whole)}", *ratios))
    header = ("territory", "map", "bytes", "linked bytes", "interactive ms", f"{SLOWER}x slower")
    print_table(f"The map beside Folium {version('folium')}'s own", header, rows, words=2)


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, help="folder of what Folium's page links")
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    report(assets=chosen.assets, runs=chosen.runs)


if __name__ == "__main__":
    main()
