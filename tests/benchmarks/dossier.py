"""How long a dossier takes and what it weighs: ``python tests/benchmarks/dossier.py``.

The 35 communes of the territory that ships without roads, one scenario held against two others.
Each file is made several times, in turns; the first time is shown too, because that is what
a reader waits for. The same plans must give the same bytes, or there is no table.
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
import warnings
from pathlib import Path

from harness import best_seconds, print_table

from planner import Scenario, dossier, run, territory

TERRITORY = "saone-beaujolais"
SCENARIOS = (
    Scenario(),
    Scenario(name="sans mini-coworks", mini_sites_max=0),
    Scenario(name="deux sites structurants", structuring_sites=2),
)
MOST_SECONDS, MOST_MB = 15.0, 6.0


def report() -> None:
    """Print the table: seconds and bytes by file, then all of it as it is written."""
    home = territory.read(TERRITORY)
    plan, *others = (run(home, scenario) for scenario in SCENARIOS)
    brand = dossier.Brand()
    works = dict(
        zip(
            dossier.FILES,
            (
                lambda: dossier.page(plan, compared=others, brand=brand).encode(),
                lambda: dossier.map_pdf(plan, brand=brand),
                lambda: dossier.communes_pdf(plan, brand=brand),
                lambda: dossier.workbook(plan, brand=brand),
                lambda: dossier.geopackage(plan),
            ),
            strict=True,
        )
    )
    first, made = {}, {}
    for name, work in works.items():
        begin = time.perf_counter()
        made[name] = work()
        first[name] = time.perf_counter() - begin
    best = best_seconds(works, budget_s=10.0)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        again = dossier.files(plan, compared=others, brand=brand)
        plan.save(Path(folder) / "dossier", beside=again)
        written = time.perf_counter() - begin
        weight = sum(path.stat().st_size for path in (Path(folder) / "dossier").iterdir())
    assert again == made, "the same plans gave other bytes"
    rows = [
        (name, f"{first[name]:.2f}", f"{best[name]:.2f}", f"{len(made[name]):,}") for name in works
    ]
    sizes = sum(map(len, made.values()))
    rows.append(
        ("all five", f"{sum(first.values()):.2f}", f"{sum(best.values()):.2f}", f"{sizes:,}")
    )
    rows.append(("written with the map and tables", "", f"{written:.2f}", f"{weight:,}"))
    title = f"The dossier of {len(plan.communes)} communes, {len(SCENARIOS)} scenarios"
    print_table(title, ("file", "first s", "best s", "bytes"), rows)
    slowest = max(sum(first.values()), written)
    kept = slowest < MOST_SECONDS and weight < MOST_MB * 1e6
    print(
        f"\nasked: under {MOST_SECONDS:g} s and {MOST_MB:g} MB; found: {slowest:.1f} s and "
        f"{weight / 1e6:.1f} MB: {'kept' if kept else 'NOT KEPT'}"
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    report()
