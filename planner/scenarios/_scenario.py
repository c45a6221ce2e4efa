"""The numbers of a run, and the TOML file they come from."""

import difflib
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from planner._errors import InputError
from planner._files import existing_file
from planner.assumptions import DEFAULTS
from planner.candidates import TIERS
from planner.network import PROFILES

_MOST_SITES, _MOST_SEATS = 10_000, 100_000


def _default(key: str) -> float:
    return DEFAULTS[key].value


class Scenario(BaseModel):
    """Every number of a run, used once, written in every output.

    Attributes
    ----------
    name
        What outputs call it.
    mesh_min
        Minutes within which a resident should reach some site.
    structuring_min
        Minutes within which a resident should reach a structuring site.
    near_min
        Minutes that count as near, once the first two are as good as can be.
    structuring_sites
        Structuring sites to open, exactly.
    mini_sites_max
        Mini-coworks to open, at most.
    corpoworking_sites_max
        Corpoworking sites; fewer where there are fewer activity zones.
    structuring_seats, mini_seats, corpoworking_seats
        Seats of a site.
    bourg_min_population
        Inhabitants from which a commune is a bourg, that may hold a structuring site.
    profile
        Speed profile of the roads.
    max_snap_m
        Metres between a place and its road, at most.
    walk_kph
        Speed between a place and its road.
    demand_cell_m
        When given, residents are merged to a grid of this side.
    forced, forbidden
        Ids of premises that must, or must not, become a site.
    time_limit_s
        Seconds for the optimisation.

    Examples
    --------
    >>> Scenario(mesh_min=8).mesh_min
    8.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: str = Field(default="base", max_length=200)
    mesh_min: float = Field(default=_default("mesh_min"), gt=0, le=120)
    structuring_min: float = Field(default=_default("structuring_min"), gt=0, le=120)
    near_min: float = Field(default=_default("near_min"), gt=0, le=120)
    structuring_sites: int = Field(default=int(_default("structuring_sites")), ge=0, le=_MOST_SITES)
    mini_sites_max: int = Field(default=int(_default("mini_sites_max")), ge=0, le=_MOST_SITES)
    corpoworking_sites_max: int = Field(
        default=int(_default("corpoworking_sites_max")), ge=0, le=_MOST_SITES
    )
    structuring_seats: int = Field(default=int(_default("structuring_seats")), ge=1, le=_MOST_SEATS)
    mini_seats: int = Field(default=int(_default("mini_seats")), ge=1, le=_MOST_SEATS)
    corpoworking_seats: int = Field(
        default=int(_default("corpoworking_seats")), ge=1, le=_MOST_SEATS
    )
    bourg_min_population: int = Field(
        default=int(_default("bourg_min_population")), ge=0, le=100_000_000
    )
    profile: str = "car"
    max_snap_m: float = Field(default=_default("max_snap_m"), gt=0, le=10_000)
    walk_kph: float = Field(default=_default("walk_kph"), ge=0.1, le=10)
    demand_cell_m: float | None = Field(default=None, ge=1, le=100_000)
    forced: tuple[str, ...] = Field(default=(), strict=False)  # TOML gives a list
    forbidden: tuple[str, ...] = Field(default=(), strict=False)
    time_limit_s: float = Field(default=60.0, gt=0, le=86_400)

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, profile: str) -> str:
        if profile not in PROFILES:
            raise ValueError(f"no profile {profile!r}; choose one of {', '.join(PROFILES)}")
        return profile

    @property
    def seats(self) -> dict[str, int]:
        """Seats by tier."""
        return {tier: int(getattr(self, f"{tier}_seats")) for tier in TIERS}


def read_scenario(path: Path | str) -> Scenario:
    """Read a scenario from a TOML file.

    Parameters
    ----------
    path
        The file; keys as the attributes of :class:`Scenario`.

    Returns
    -------
    Scenario
        The numbers, with defaults for what the file does not say.

    Raises
    ------
    InputError
        When the file is missing or no TOML; when a key is unknown (the nearest is named), or a
        value is out of its range. All faults are said at once.
    """
    path = existing_file(path, what="scenario")
    try:
        content = tomllib.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, or made to break us
        raise InputError(f"{path}: not TOML in UTF-8: {error}.") from error
    content.setdefault("name", path.stem)
    try:
        return Scenario.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(_said(fault["loc"], fault["msg"]) for fault in error.errors())
        raise InputError(f"{path}: {faults}.") from error


def _said(place: tuple[int | str, ...], message: str) -> str:
    key = ".".join(map(str, place))
    if message.startswith("Extra inputs"):
        near = difflib.get_close_matches(key, Scenario.model_fields, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(Scenario.model_fields)}"
        return f"unknown key {key}; {hint}"
    message = message.removeprefix("Value error, ")
    return f"{key}: {message[0].lower()}{message[1:]}"
