"""`planner plan` and `planner follow`: a plan, and what became of it."""

import math
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from planner.cli._console import EXIT_NOT_PROVEN, console, plain, reporting
from planner.cli._summary import STAGES, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from planner.scenarios import Scenario
    from planner.scores import Weights


class Lang(StrEnum):
    """The languages that readers are written to in."""

    FR = "fr"
    EN = "en"


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
    survey: Annotated[
        Path | None,
        typer.Option(help="Enquête, CSV ou XLSX : commune, interet (oui, peut-être, non), jours."),
    ] = None,
    study: Annotated[
        list[str] | None,
        typer.Option(
            help="Étude à joindre : pareto, alternatives, reasons, robustness, phases, scores, ou "
            "all ; peut être répété."
        ),
    ] = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option(help="Autre scénario TOML, comparé dans le dossier ; jusqu'à trois."),
    ] = None,
    runs: Annotated[
        list[Path] | None,
        typer.Option(help="Lot de plans du même territoire, repris dans l'onglet Comparer."),
    ] = None,
    owner: Annotated[str, typer.Option(help="Nom de l'EPCI, en tête du dossier.")] = "",
    colour: Annotated[str, typer.Option(help="Couleur de l'EPCI, #rrggbb.")] = "#0b4f6c",
    logo: Annotated[Path | None, typer.Option(help="Logo de l'EPCI, PNG ou JPEG.")] = None,
    date: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Date de la commission, AAAA-MM-JJ."),
    ] = None,
    lang: Annotated[Lang, typer.Option(help="Langue de la carte et du dossier.")] = Lang.FR,
    dossier: Annotated[
        bool, typer.Option(help="Écrire aussi le dossier : page, PDF, classeur, GeoPackage.")
    ] = True,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Écrire même dans un dossier qui contient autre chose."),
    ] = False,
) -> None:
    """Place les sites d'un territoire et écrit la carte, les tableaux et le dossier."""
    from planner import dossier as dossiers
    from planner import scenarios
    from planner import territory as territories
    from planner._files import slug
    from planner._language import speaking
    from planner.compare import check_names
    from planner.plan import check_folder
    from planner.runs import read as read_runs

    brand = dossiers.Brand(
        name=owner,
        colour=colour,
        logo=dossiers.read_logo(logo) if logo else None,
        date=date.date() if date else None,
    )
    changed = _changes(assumptions, weights, survey)
    asked = changed(scenarios.read_scenario(scenario) if scenario else scenarios.Scenario())
    asked = scenarios.with_studies(asked, study) if study else asked
    others = [changed(scenarios.read_scenario(path)) for path in compare or []]
    check_names([one.name for one in (asked, *others)])
    batch = read_runs(runs) if runs else None
    home = territories.read(territory)
    suffix = f"-{slug(asked.name)}" if scenario else ""
    folder = out or Path(f"plan-{slug(home.name)}{suffix}")
    check_folder(folder, overwrite=overwrite)
    # Beside a territory of the user's own; those that ship are small, and not ours to fill.
    cache = Path(territory) / ".cache" if Path(territory).is_dir() else None
    with reporting(STAGES) as report, speaking(lang.value):
        result, *compared = [
            scenarios.run(home, one, cache=cache, progress=report) for one in (asked, *others)
        ]
        report("files", 0, 1)
        beside = (
            dossiers.files(result, compared=compared, runs=batch, brand=brand) if dossier else {}
        )
        result.save(folder, beside=beside, overwrite=overwrite)
        report("files", 1, 1)
    summary(result, folder)
    if not all(one.proven for one in (result, *compared)):
        raise typer.Exit(EXIT_NOT_PROVEN)


def _changes(
    assumptions: Path | None, weights: Path | None, survey: Path | None
) -> "Callable[[Scenario], Scenario]":
    """Return what the files of figures, a workshop and a survey change in each scenario."""
    from planner import scenarios

    figures: Mapping[str, float] = {}
    if assumptions:
        from planner.spreadsheets import read_assumptions

        figures = read_assumptions(assumptions)
    judged = None
    if weights:
        from planner.scores import read_judgements

        judged = _judged(read_judgements(weights))

    told = None
    if survey:
        from planner.survey import read_survey

        told = read_survey(survey)
        _say_days(told.days_a_week)

    def changed(scenario: "Scenario") -> "Scenario":
        if told:
            scenario = scenarios.with_survey(scenario, told)
        if assumptions:
            scenario = scenarios.with_assumptions(scenario, figures, path=assumptions)
        return scenarios.with_weights(scenario, judged) if judged else scenario

    return changed


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
            plain(site), row["opened"], str(row["months"]), _format.number(row["days"]),
            _format.number(row["forecast"]),
            "" if row["forecast"] == 0 else _format.percent(row["ratio"], decimals=0),
            "sous la prévision" if row["alert"] else "",
        )  # fmt: skip
    screen = console()
    screen.print(shown)
    now, low, high = (
        _format.percent(value, decimals=0) for value in (found.ratio, found.low, found.high)
    )
    screen.print(f"Réseau : {now} de la prévision (de {low} à {high}, à 90 %).")
    changes = found.changes(figures)
    for key, value in changes.items():
        screen.print(f"{key} = {_format.number(value, decimals=4)}")
    if out:
        screen.print(f"Hypothèses : {plain(write_assumptions(out, scenario.changes | changes))}")


def _say_days(days_a_week: float) -> None:
    """Say how many days those interested would come: more than what people then do."""
    from planner import _format

    if not math.isnan(days_a_week):
        said = _format.number(days_a_week, decimals=1)
        console(stderr=True).print(
            f"Enquête : les intéressés annoncent {said} jours par semaine ; le plan garde ceux de "
            "user_days_a_week, que le scénario peut changer."
        )


def _judged(weights: "Weights") -> "Weights":
    """Say which groups judge in a circle, and go on."""
    from planner import _format

    for group in weights.doubtful:
        ratio = _format.number(weights.consistency[group], decimals=2)
        said = f"Jugements peu cohérents, à revoir avec le groupe {group} (ratio {ratio})."
        console(stderr=True).print(plain(said), style="yellow")
    return weights
