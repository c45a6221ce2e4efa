"""What scenarios share is what each would find alone, to the byte."""

from pathlib import Path

import pytest

from planner import Scenario, territory
from planner._errors import InputError
from planner.scenarios import Shared, run

SCENARIOS = (
    Scenario(name="base"),
    Scenario(name="huit", mesh_min=8, structuring_sites=2),
    Scenario(name="lent", profile="car_slow", mini_spacing_min=4),
    Scenario(name="loin", use_until_min=40, isochrones_min=(15,), max_snap_m=300),
    Scenario(name="vélo", profile="bike"),
)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def home():
    return territory.read("liechtenstein")


def test_a_scenario_is_the_same_bytes_alone_and_after_others(home, tmp_path):
    shared = Shared(home, folder=tmp_path / "cache")
    later = Shared(home, folder=tmp_path / "cache")  # as another process finds it
    for scenario in SCENARIOS:
        alone = run(home, scenario).save(tmp_path / "alone")
        after = run(home, scenario, shared=shared).save(tmp_path / "after")
        kept = run(home, scenario, shared=later).save(tmp_path / "kept")
        assert _files(alone) == _files(after) == _files(kept), scenario.name


def test_minutes_are_looked_for_once(home, tmp_path, monkeypatch):
    asked = []
    times = Shared.times.__globals__["travel"].times

    def counted(roads, origins, destinations, **options):
        asked.append(len(destinations))
        return times(roads, origins, destinations, **options)

    monkeypatch.setattr("planner.travel.times", counted)
    shared = Shared(home, folder=tmp_path)
    run(home, shared=shared)
    first = len(asked)
    run(home, Scenario(name="autre", demand_level="high"), shared=shared)
    assert len(asked) == first  # the same sites are open: nothing new is looked for
    run(home, shared=Shared(home, folder=tmp_path))
    assert max(asked[first:], default=0) < max(asked)  # the large table came from the disk


def test_minutes_that_were_damaged_on_disk_are_found_again(home, tmp_path):
    scenario = Scenario(name="base")
    sound = run(home, scenario, shared=Shared(home, folder=tmp_path)).save(tmp_path / "a")
    kept = sorted(tmp_path.glob("minutes-*.npz"))
    assert kept
    for number, path in enumerate(kept):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(bytes(content) if number % 2 else bytes(content[:100]))
    again = run(home, scenario, shared=Shared(home, folder=tmp_path)).save(tmp_path / "b")
    assert _files(sound) == _files(again)


def test_what_is_shared_belongs_to_one_territory(home):
    with pytest.raises(InputError, match="not of saone-beaujolais"):
        run(territory.read("saone-beaujolais"), shared=Shared(home))
