"""What `planner plan` prints: the sites, the figures, the proof, the accounts, how long it took."""

from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from planner.cli._console import console, plain

if TYPE_CHECKING:
    from planner.plan import Plan
    from planner.scenarios import StudyTable

# Studies narrow enough to be read on a terminal.
_ON_TERMINAL = ("pareto", "phasage-annees", "budget", "mobilite", "risque")
_WHOLE_FROM = 1000  # from here on, cents say nothing

STAGES = {
    "roads": "Lecture des routes",
    "demand": "Habitants et lieux",
    "minutes": "Temps de trajet",
    "optimum": "Choix des sites",
    "certificate": "Vérification",
    "mass": "Sans masse critique",
    "isochrones": "Isochrones",
    "indicators": "Couverture",
    "ranges": "Autres vitesses",
    "studies": "Études",
    "accounts": "Budget, trajets, risque",
    "files": "Écriture",
}


def summary(result: "Plan", folder: Path) -> None:
    """Print what the plan is, how good, how sure, and how long it took."""
    from planner import _format

    screen = console()
    screen.print(_sites_table(result))
    if len(result.sites) > 1:
        screen.print("Un même habitant peut compter pour plusieurs sites.", style="dim")
    for label, value, doubt in result.figures():
        screen.print(f"{label} : [bold]{value}[/bold]{f' ({doubt})' if doubt else ''}")
    screen.print(_demand_table(result))
    screen.print(result.proof)
    for name, study in {**result.accounts, **result.studies}.items():
        _print_study(screen, name, study, folder)
    for note in result.notes:
        screen.print(plain(note), style="yellow")
    stages = " ; ".join(
        f"{STAGES[stage].lower()}\N{NO-BREAK SPACE}{_format.number(seconds, decimals=2)}"
        for stage, seconds in result.seconds.items()
    )
    screen.print(f"Secondes : {stages}", style="dim")
    for said, name in (("Carte", "carte.html"), ("Dossier", "dossier.html")):
        if (folder / name).exists():
            screen.print(f"{said} : {plain(folder / name)}", soft_wrap=True)


def _sites_table(result: "Plan") -> Table:
    """Return the sites as a table, tier by tier."""
    from planner import _format
    from planner.maps._words import TIERS

    doubt = " (temps estimés)" if result.estimated else ""
    scenario = plain(result.scenario.name)
    sites = Table(title=f"{plain(result.title)} : scénario « {scenario} »{doubt}")
    for heading in ("Niveau", "Site", "Commune"):
        sites.add_column(heading)
    sites.add_column(f"Habitants à {_format.minutes(result.scenario.mesh_min)}", justify="right")
    sites.add_column("Usagers attendus", justify="right")
    sites.add_column("Masse critique")
    order = list(TIERS)
    for _, site in sorted(
        result.sites.iterrows(), key=lambda item: (order.index(item[1]["tier"]), item[0])
    ):
        row = (TIERS[site["tier"]].one, site["name"], site["commune_name"])
        sites.add_row(
            *map(plain, row),
            _format.headcount(site["residents_mesh"]),
            _format.number(site["users"], decimals=1),
            "oui" if site["critical_mass"] else "non",
        )
    return sites


def _demand_table(result: "Plan") -> Table:
    """Return users at a low, central and high demand, and what rural places have seen."""
    from planner import _format
    from planner.demand import LEVELS, per_1000

    figures, told = result.indicators, result.scenario.figures
    low, high = (_observed(told[f"observed_users_{end}"]) for end in ("low", "high"))
    shown = Table(title="Usagers attendus (hypothèses)")
    for heading in ("Demande", "À la porte", "Dans ce réseau", "Pour 1 000 habitants"):
        shown.add_column(heading, justify="left" if heading == "Demande" else "right")
    for level, said in zip(LEVELS, ("basse", "centrale", "haute"), strict=True):
        door, reached = figures[f"users_at_door_{level}"], figures[f"users_{level}"]
        rate = per_1000(door, figures["residents"])
        shown.add_row(
            said, _format.headcount(door), _format.headcount(reached),
            _format.number(rate, decimals=1),
        )  # fmt: skip
    shown.caption = f"Lieux ruraux observés : {low} à {high} pour 1 000 habitants"
    return shown


def _observed(per_1000: float) -> str:
    """Return an end of the observed band, with the place that it was seen at."""
    from planner import _format
    from planner.observed import observed_at

    place = observed_at(per_1000)
    return _format.number(per_1000, decimals=1) + (f" ({place})" if place else "")


def _print_study(screen: Console, name: str, study: "StudyTable", folder: Path) -> None:
    """Print what a study says; the tables that fit a terminal whole, the others by their file."""
    if name in _ON_TERMINAL:
        shown = Table(title=plain(study.title))
        labels = [label for label in study.rows if label != "identifiants"]
        for label in labels:
            numeric = study.rows[label].dtype.kind in "if"
            shown.add_column(plain(label), justify="right" if numeric else "left")
        for row in study.rows[labels].itertuples(index=False):
            shown.add_row(*map(_shown, row))
        screen.print(shown)
    file = plain(folder / f"{name}.csv")
    screen.print(f"{plain(study.title)} : {plain(study.note)} ({file})", soft_wrap=True)


def _shown(value: object) -> str:
    """Return a cell as a terminal shows it: numbers in French, without false precision."""
    from planner import _format

    if isinstance(value, bool) or not isinstance(value, Real):
        return plain(value)
    number = float(value)
    whole = number == round(number) or abs(number) >= _WHOLE_FROM
    return _format.number(number, decimals=0 if whole else 2)
