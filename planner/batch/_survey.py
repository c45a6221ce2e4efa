"""A first look at a territory: what it is called, what it holds, how much memory it will take."""

from collections.abc import Sequence
from dataclasses import dataclass

from planner import territory as territories
from planner._errors import PlannerError
from planner.batch._memory import Size, size
from planner.batch._task import Options, homes
from planner.scenarios import Scenario


@dataclass(frozen=True, kw_only=True)
class Found:
    """A territory as a batch sees it first.

    Attributes
    ----------
    territory
        Name or folder.
    name, digest
        Of its folder, and of its content; empty where it cannot be read.
    sizes
        Of the run of each scenario, in their order.
    why
        What is wrong with it; "" where nothing is.
    """

    territory: str
    name: str = ""
    digest: str = ""
    sizes: tuple[Size, ...] = ()
    why: str = ""


def survey(path: str, *, scenarios: Sequence[str], options: Options) -> Found:
    """Read a territory and say what its runs would take.

    Parameters
    ----------
    path
        Name or folder.
    scenarios
        As JSON.
    options
        What runs are written with.
    """
    try:
        home = territories.read(path)
        asked = [Scenario.model_validate_json(told) for told in scenarios]
        shapes = [_shape(one) for one in asked]
        known = {shape: size(home, shape) for shape in dict.fromkeys(shapes)}
    except (PlannerError, OSError, MemoryError) as error:
        return Found(territory=path, why=" ".join(str(error).split()) or type(error).__name__)
    homes().keep(home, path, options)
    sizes = tuple(known[shape] for shape in shapes)
    return Found(territory=path, name=home.name, digest=home.digest, sizes=sizes)


def _shape(scenario: Scenario) -> Scenario:
    """Return what of a scenario decides how large its run is."""
    kept = (
        "demand_cell_m", "bourg_min_population", "mesh_min", "structuring_min", "use_until_min",
        "objective",
    )  # fmt: skip
    return Scenario(**{name: getattr(scenario, name) for name in kept})
