"""The command line: `planner plan`, `fetch`, `build`, `follow`."""

import io
import sys
import unicodedata
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from planner._errors import InputError, PlannerError

if TYPE_CHECKING:
    from planner.plan import Plan
    from planner.scenarios import StudyTable
    from planner.scores import Weights
    from planner.territory import Territory

# Studies narrow enough to be read on a terminal.
_ON_TERMINAL = ("pareto", "phasage-annees", "budget", "mobilite", "risque")
_WHOLE_FROM = 1000  # from here on, cents say nothing
EXIT_FAILED, EXIT_NOT_PROVEN, EXIT_INTERRUPTED = 1, 3, 130

app = typer.Typer(
    help="Planifie un réseau de tiers-lieux ruraux sur les routes d'OpenStreetMap.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_STAGES = {
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


_SOURCES = {
    "communes": "Communes",
    "filosofi": "Carreaux habités",
    "bpe": "Commerces et services",
    "third-places": "Tiers-lieux",
    "france-services": "France services",
    "mobpro": "Trajets vers le travail",
    "jobs": "Emplois",
    "osm": "OpenStreetMap",
    "crop": "Découpe des routes",
    "build": "Construction",
}


@app.callback()
def _root() -> None:
    """Planifie un réseau de tiers-lieux ruraux."""


@app.command()
def plan(
    territory: Annotated[
        str, typer.Argument(help="Nom d'un territoire livré, ou dossier d'un territoire.")
    ] = "liechtenstein",
    scenario: Annotated[
        Path | None, typer.Option(help="Fichier TOML ; sans lui, les valeurs par défaut.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Dossier de sortie ; plan-TERRITOIRE par défaut.")
    ] = None,
    assumptions: Annotated[
        Path | None,
        typer.Option(help="Classeur d'hypothèses modifiées (hypotheses.xlsx d'un plan)."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="CSV d'un atelier : groupe, critere, contre, importance (1 à 9)."),
    ] = None,
    study: Annotated[
        list[str] | None,
        typer.Option(
            help="Étude à joindre : pareto, alternatives, reasons, robustness, phases, scores, ou "
            "all ; peut être répété."
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Écrire même dans un dossier qui contient autre chose."),
    ] = False,
) -> None:
    """Place les sites d'un territoire et écrit la carte et les tableaux."""
    from planner import scenarios
    from planner import territory as territories
    from planner._files import slug
    from planner.plan import check_folder

    settings = scenarios.read_scenario(scenario) if scenario else scenarios.Scenario()
    if study:
        settings = scenarios.with_studies(settings, study)
    if assumptions:
        from planner.spreadsheets import read_assumptions

        changes = read_assumptions(assumptions)
        settings = scenarios.with_assumptions(settings, changes, path=assumptions)
    if weights:
        from planner.scores import read_judgements

        settings = scenarios.with_weights(settings, _judged(read_judgements(weights)))
    home = territories.read(territory)
    suffix = f"-{slug(settings.name)}" if scenario else ""
    folder = out or Path(f"plan-{slug(home.name)}{suffix}")
    check_folder(folder, overwrite=overwrite)
    with _progress() as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(_STAGES[stage], total=total)
            bars.update(tasks[stage], completed=done, total=total)

        # Beside a territory of the user's own; those that ship are small, and not ours to fill.
        cache = Path(territory) / ".cache" if Path(territory).is_dir() else None
        result = scenarios.run(home, settings, cache=cache, progress=report)
        report("files", 0, 1)
        result.save(folder, overwrite=overwrite)
        report("files", 1, 1)
    _summary(result, folder)
    if not result.proven:
        raise typer.Exit(EXIT_NOT_PROVEN)


@app.command()
def follow(
    plan: Annotated[Path, typer.Argument(help="Dossier d'un plan.")],
    attendance: Annotated[
        Path, typer.Argument(help="CSV : site, mois (2027-03), journees, ouverture.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Classeur d'hypothèses réestimées à écrire (.xlsx).")
    ] = None,
) -> None:
    """Compare la fréquentation observée à celle que le plan attendait."""
    from planner import _format
    from planner.followup import follow_up, read_attendance
    from planner.plan import forecast
    from planner.scenarios import scenario_of
    from planner.spreadsheets import write_assumptions

    users, told = forecast(plan)
    scenario = scenario_of(told, path=plan / "plan.json")
    figures = scenario.figures
    found = follow_up(read_attendance(attendance), users, figures=figures)
    shown = Table(title="Fréquentation observée et attendue")
    for heading in ("Site", "Ouvert", "Mois", "Journées", "Attendues", "Part", ""):
        right = heading in ("Mois", "Journées", "Attendues", "Part")
        shown.add_column(heading, justify="right" if right else "left")
    for site, row in found.sites.iterrows():
        shown.add_row(
            _plain(site), row["opened"], str(row["months"]), _format.number(row["days"]),
            _format.number(row["forecast"]),
            "" if row["forecast"] == 0 else _format.percent(row["ratio"], decimals=0),
            "sous la prévision" if row["alert"] else "",
        )  # fmt: skip
    console = _console()
    console.print(shown)
    now, low, high = (
        _format.percent(value, decimals=0) for value in (found.ratio, found.low, found.high)
    )
    console.print(f"Réseau : {now} de la prévision (de {low} à {high}, à 90 %).")
    changes = found.changes(figures)
    for key, value in changes.items():
        console.print(f"{key} = {_format.number(value, decimals=4)}")
    if out:
        console.print(f"Hypothèses : {_plain(write_assumptions(out, scenario.changes | changes))}")


@app.command()
def build(  # noqa: PLR0913 - one option a kind of file
    out: Annotated[Path, typer.Argument(help="Dossier du territoire à créer.")],
    title: Annotated[str, typer.Option(help="Nom du territoire pour les lecteurs.")],
    pbf: Annotated[Path | None, typer.Option(help="Fichier OpenStreetMap.")] = None,
    populations: Annotated[
        Path | None, typer.Option(help="CSV : population des communes d'OpenStreetMap.")
    ] = None,
    communes: Annotated[Path | None, typer.Option(help="CSV des communes.")] = None,
    contours: Annotated[
        Path | None, typer.Option(help="JSON d'API Géo : communes et leurs contours.")
    ] = None,
    residents: Annotated[Path | None, typer.Option(help="CSV des carreaux habités.")] = None,
    premises: Annotated[Path | None, typer.Option(help="CSV des lieux.")] = None,
    flows: Annotated[
        Path | None, typer.Option(help="CSV : actifs par commune de résidence et de travail.")
    ] = None,
    jobs: Annotated[Path | None, typer.Option(help="CSV : emplois par commune.")] = None,
    sources: Annotated[
        Path | None,
        typer.Option(help="CSV du registre : éditeur, licence, date de chaque fichier."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Remplacer un territoire existant.")
    ] = False,
) -> None:
    """Construit un territoire à partir de fichiers locaux."""
    from planner import territory as territories

    home = territories.build(
        out,
        title=title,
        pbf=pbf,
        populations=populations,
        communes=communes,
        contours=contours,
        residents=residents,
        premises=premises,
        flows=flows,
        jobs=jobs,
        sources=sources,
        overwrite=overwrite,
    )
    _built(home, out)


@app.command()
def fetch(
    siren: Annotated[str, typer.Argument(help="SIREN de l'EPCI, neuf chiffres.")],
    out: Annotated[
        Path | None, typer.Option(help="Dossier du territoire ; par défaut, du nom de l'EPCI.")
    ] = None,
    pbf: Annotated[
        Path | None,
        typer.Option(help="Fichier OpenStreetMap à découper (Geofabrik), au lieu d'Overpass."),
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(help="SOURCE=FICHIER téléchargé à la main ; peut être répété."),
    ] = None,
    server: Annotated[
        list[str] | None,
        typer.Option(
            envvar="PLANNER_SERVERS", help="SOURCE=ADRESSE d'un autre serveur ; peut être répété."
        ),
    ] = None,
    cache: Annotated[
        Path, typer.Option(help="Dossier des téléchargements, gardés d'une fois à l'autre.")
    ] = Path("planner-cache"),
    buffer_km: Annotated[
        float, typer.Option(help="Kilomètres de routes prises autour des communes.")
    ] = 15.0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Remplacer un territoire existant.")
    ] = False,
) -> None:
    """Construit le territoire d'un EPCI à partir des données ouvertes."""
    from planner import territory as territories
    from planner._files import slug

    with _progress() as bars:
        tasks: dict[str, TaskID] = {}

        def report(source: str, done: int, total: int) -> None:
            if source not in tasks:
                tasks[source] = bars.add_task(_SOURCES.get(source, source), total=total or None)
            bars.update(tasks[source], completed=done, total=total or None)

        home = territories.fetch(
            siren,
            out,
            cache=cache,
            pbf=pbf,
            files=_pairs(file, "--file"),
            servers=_pairs(server, "--server"),
            buffer_km=buffer_km,
            progress=report,
            overwrite=overwrite,
        )
    _built(home, out or Path(slug(home.title)))
    missing = home.sources[
        (home.sources["sha256"] == "") & (home.sources["status"] == "assumption")
    ]
    for note in missing["note"]:
        _console().print(_plain(note), style="yellow", soft_wrap=True)


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """Return what an option gives by source, or refuse what is not SOURCE=VALUE."""
    pairs = [text.partition("=") for text in given or []]
    wrong = ["".join(pair) for pair in pairs if not (pair[0] and pair[2])]
    if wrong:
        raise InputError(f"{option} {wrong[0]} : écrire {option} SOURCE=VALEUR.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _built(home: "Territory", out: Path) -> None:
    """Say what a territory that was built holds."""
    _console().print(
        f"{_plain(home.title)} : {len(home.communes)} communes, {len(home.residents)} points "
        f"habités, {len(home.premises)} lieux, dans {_plain(out)}"
    )


def _progress() -> Progress:
    console = _console(stderr=True)
    return Progress(
        TextColumn("{task.description:<20}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _summary(result: "Plan", folder: Path) -> None:
    """Print what the plan is, how good, how sure, and how long it took."""
    from planner import _format

    console = _console()
    console.print(_sites_table(result))
    if len(result.sites) > 1:
        console.print("Un même habitant peut compter pour plusieurs sites.", style="dim")
    for label, value, doubt in result.figures():
        console.print(f"{label} : [bold]{value}[/bold]{f' ({doubt})' if doubt else ''}")
    console.print(_demand_table(result))
    console.print(result.proof)
    for name, study in {**result.accounts, **result.studies}.items():
        _print_study(console, name, study, folder)
    for note in result.notes:
        console.print(_plain(note), style="yellow")
    stages = " ; ".join(
        f"{_STAGES[stage].lower()}\N{NO-BREAK SPACE}{_format.number(seconds, decimals=2)}"
        for stage, seconds in result.seconds.items()
    )
    console.print(f"Secondes : {stages}", style="dim")
    console.print(f"Carte : {_plain(folder / 'carte.html')}", soft_wrap=True)


def _sites_table(result: "Plan") -> Table:
    """Return the sites as a table, tier by tier."""
    from planner import _format
    from planner.maps._words import TIERS

    doubt = " (temps estimés)" if result.estimated else ""
    scenario = _plain(result.scenario.name)
    sites = Table(title=f"{_plain(result.title)} : scénario « {scenario} »{doubt}")
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
            *map(_plain, row),
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
    low, high = (
        _format.number(told[f"observed_users_{end}"], decimals=1) for end in ("low", "high")
    )
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


def _judged(weights: "Weights") -> "Weights":
    """Say which groups judge in a circle, and go on."""
    from planner import _format

    for group in weights.doubtful:
        ratio = _format.number(weights.consistency[group], decimals=2)
        said = f"Jugements peu cohérents, à revoir avec le groupe {group} (ratio {ratio})."
        _console(stderr=True).print(_plain(said), style="yellow")
    return weights


def _print_study(console: Console, name: str, study: "StudyTable", folder: Path) -> None:
    """Print what a study says; the tables that fit a terminal whole, the others by their file."""
    if name in _ON_TERMINAL:
        shown = Table(title=_plain(study.title))
        labels = [label for label in study.rows if label != "identifiants"]
        for label in labels:
            numeric = study.rows[label].dtype.kind in "if"
            shown.add_column(_plain(label), justify="right" if numeric else "left")
        for row in study.rows[labels].itertuples(index=False):
            shown.add_row(*map(_shown, row))
        console.print(shown)
    file = _plain(folder / f"{name}.csv")
    console.print(f"{_plain(study.title)} : {_plain(study.note)} ({file})", soft_wrap=True)


def _shown(value: object) -> str:
    """Return a cell as a terminal shows it: numbers in French, without false precision."""
    from planner import _format

    if isinstance(value, bool) or not isinstance(value, Real):
        return _plain(value)
    number = float(value)
    whole = number == round(number) or abs(number) >= _WHOLE_FROM
    return _format.number(number, decimals=0 if whole else 2)


def _console(*, stderr: bool = False) -> Console:
    """Return a console that leaves `:words:` alone, and writes what its encoding cannot as `?`."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    return Console(stderr=stderr, emoji=False, highlight=False)


def _plain(text: object) -> str:
    """Return text from a file or a path as a terminal shows it, and never as orders to it."""
    shown = (
        c if c == "\n" or unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}"
        for c in str(text)
    )
    return escape("".join(shown))


def _refuse(message: str) -> NoReturn:
    """End with one message and the exit code of a failure."""
    _console(stderr=True).print(f"Erreur : {_plain(message)}", style="red", soft_wrap=True)
    sys.exit(EXIT_FAILED)


def main() -> None:
    """Run the command line; refuse with one message, and never a traceback, what is the user's."""
    try:
        app()
    except (PlannerError, OSError) as error:
        _refuse(str(error))
    except MemoryError:
        _refuse("pas assez de mémoire pour ces fichiers et ce scénario.")
    except (OverflowError, RuntimeError) as error:  # what libraries say of files made to break us
        said = " ".join(str(error).split())
        _refuse(f"ces fichiers ne peuvent pas être traités ({type(error).__name__} : {said}).")
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
