"""All that is wrong with a territory, and all that is estimated or missing in a sound one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
from pyproj import CRS

from planner import _format
from planner._errors import InputError
from planner._tables import listed
from planner.sources.tables import INPUTS
from planner.territory._model import GPKG, SOURCE_COLUMNS, TOML, Territory
from planner.territory._read import About, examined, folder_of, read_about, territory_of

Kind = Literal["missing", "assumption", "derived", "doubtful"]


class Remark(NamedTuple):
    """What a reader must know of a territory that is sound.

    Attributes
    ----------
    kind
        ``missing`` (not there), ``assumption`` (supposed), ``derived`` (worked out), ``doubtful``
        (there, and to be looked at).
    text
        In French.
    """

    kind: Kind
    text: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a check found.

    Attributes
    ----------
    name
        Of the territory's folder.
    title
        For people; the name where territory.toml cannot be read.
    faults
        Each with its file, layer or table, rows and what to do; empty when it is sound.
    remarks
        What is estimated, missing or doubtful; empty where faults hide it.
    scenario
        What a scenario changes, or each of many, in words; see :func:`planner.scenarios.check`.
    territory
        The territory, None when it has faults.
    """

    name: str
    title: str
    faults: tuple[str, ...]
    remarks: tuple[Remark, ...]
    scenario: tuple[str, ...] = ()
    territory: Territory | None = field(default=None, repr=False, compare=False)

    @property
    def sound(self) -> bool:
        """Whether a plan can be made."""
        return not self.faults


def check(name_or_path: str | Path) -> Report:
    """Return every fault of a territory's folder, and what a sound one leaves to estimates.

    A file that cannot be read hides its own contents and nothing else: the other files are checked
    all the same.

    Parameters
    ----------
    name_or_path
        As :func:`planner.territory.read` takes it.

    Returns
    -------
    Report
        Its faults are those that `read` refuses with, all of them.

    Raises
    ------
    InputError
        When there is no such territory, or the folder holds no territory.toml.

    Examples
    --------
    >>> found = check("saone-beaujolais")
    >>> found.sound, [remark.text for remark in found.remarks if remark.kind == "missing"][0]
    (True, 'Pas de routes : les temps de trajet sont estimés à vol d’oiseau.')
    """
    folder = folder_of(name_or_path)
    about, faults = _about(folder)
    contents, others = examined(folder, about)
    faults += [f"{GPKG}, {fault}" if fault.startswith("layer ") else fault for fault in others]
    territory = None if faults else territory_of(folder, about, contents)
    shown = tuple(fault.replace(f"{folder}/", "") for fault in faults)
    remarks = () if territory is None else tuple(_remarks(territory))
    return Report(
        name=folder.resolve().name, title=about.title, faults=shown, remarks=remarks,
        territory=territory,
    )  # fmt: skip


def _about(folder: Path) -> tuple[About, list[str]]:
    """Return what territory.toml says, or faults and what lets the other files be looked at."""
    try:
        return read_about(folder / TOML), []
    except InputError as error:
        nothing = pd.DataFrame(columns=list(SOURCE_COLUMNS), dtype=str)
        about = About(folder.resolve().name, CRS("EPSG:2154"), (), nothing)
        return about, list(error.faults)


def _remarks(home: Territory) -> Iterator[Remark]:
    yield from _missing(home)
    yield from _register(home)
    yield from _doubtful(home)


def _missing(home: Territory) -> Iterator[Remark]:
    if home.roads_path is None:
        yield Remark("missing", "Pas de routes : les temps de trajet sont estimés à vol d’oiseau.")
    if home.flows is None:
        text = "Pas de trajets vers le travail : personne n’est compté comme travaillant loin."
        yield Remark("missing", text)
    if home.jobs is None:
        yield Remark("missing", "Pas d’emplois par commune.")
    if home.occupations is None:
        yield Remark(
            "missing", "Pas d’actifs par métier : la structure des hypothèses en tient lieu."
        )
    if home.establishments is None:
        yield Remark("missing", "Pas de coopératives ni d’associations.")
    for table, column, what in (
        (home.flows, "home", "trajets vers le travail"),
        (home.jobs, "code", "emplois"),
        (home.occupations, "code", "actifs par métier"),
    ):
        if table is not None:
            known = table.reset_index()[column]
            bare = home.communes.loc[~home.communes.index.isin(known), "name"]
            if len(bare):
                yield Remark("missing", f"Sans {what} : {_names(bare)}.")


def _register(home: Territory) -> Iterator[Remark]:
    """Yield the rows of the register that are not as published."""
    for row in home.sources.to_dict("records"):
        text = f"{row['what']} : {row['note'] or 'sans précision.'}"
        if row["status"] == "assumption":
            absent = row["name"] in INPUTS and not row["sha256"]
            yield Remark("missing" if absent else "assumption", text)
        elif row["status"] == "derived":
            yield Remark("derived", text)


def _doubtful(home: Territory) -> Iterator[Remark]:
    people = home.residents.groupby("commune")["residents"].sum()
    legal = home.communes["population"]
    gap = (people.reindex(legal.index).fillna(0.0) - legal).round(2)
    off = gap[gap != 0]
    if len(off):
        total, law = _format.number(people.sum()), _format.people(legal.sum())
        rows = [f"{home.communes['name'][code]} ({value:+.0f})" for code, value in off.items()]
        yield Remark(
            "doubtful",
            f"Points habités : {total} habitants, pour une population légale de {law}. Écarts : "
            f"{_names(rows)}.",
        )
    unnamed = home.premises[home.premises["name"].str.strip() == ""]
    if len(unnamed):
        count, whole = _format.number(len(unnamed)), _format.number(len(home.premises))
        yield Remark("doubtful", f"Lieux sans nom : {count} sur {whole}.")


def _names(names: "pd.Series | list[str]") -> str:
    """Return names in French, the first few in full and the others counted."""
    text = listed(list(names))
    return text.replace(" and ", " et ").replace(" more", " autres") if len(names) > 8 else text  # noqa: PLR2004 - as many as `listed` says
