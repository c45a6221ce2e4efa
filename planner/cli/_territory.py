"""`planner fetch` and `planner build`: a territory from open data, or from files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner._errors import InputError
from planner.cli._console import console, plain, reporting

if TYPE_CHECKING:
    from planner.territory import Territory

_SOURCES = {
    "communes": "Communes",
    "filosofi": "Carreaux habités",
    "bpe": "Commerces et services",
    "third-places": "Tiers-lieux",
    "france-services": "France services",
    "centres": "Centres des communes",
    "sirene": "Établissements (Sirene)",
    "sirene-units": "Unités légales (Sirene)",
    "sirene-places": "Positions (Sirene)",
    "mobpro": "Trajets vers le travail",
    "jobs": "Emplois",
    "osm": "OpenStreetMap",
    "crop": "Découpe des routes",
    "build": "Construction",
}


def build(
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
    establishments: Annotated[
        Path | None, typer.Option(help="CSV : coopératives et associations.")
    ] = None,
    flows: Annotated[
        Path | None, typer.Option(help="CSV : actifs par commune de résidence et de travail.")
    ] = None,
    jobs: Annotated[Path | None, typer.Option(help="CSV : emplois par commune.")] = None,
    occupations: Annotated[
        Path | None, typer.Option(help="CSV : actifs occupés par métier et commune.")
    ] = None,
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
        establishments=establishments,
        flows=flows,
        jobs=jobs,
        occupations=occupations,
        sources=sources,
        overwrite=overwrite,
    )
    _built(home, out)


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

    with reporting(_SOURCES) as report:
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
        console().print(plain(note), style="yellow", soft_wrap=True)


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """Return what an option gives by source, or refuse what is not SOURCE=VALUE."""
    pairs = [text.partition("=") for text in given or []]
    wrong = ["".join(pair) for pair in pairs if not (pair[0] and pair[2])]
    if wrong:
        raise InputError(f"{option} {wrong[0]} : écrire {option} SOURCE=VALEUR.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _built(home: "Territory", out: Path) -> None:
    """Say what a territory that was built holds."""
    console().print(
        f"{plain(home.title)} : {len(home.communes)} communes, {len(home.residents)} points "
        f"habités, {len(home.premises)} lieux, dans {plain(out)}"
    )
