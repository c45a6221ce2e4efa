"""`planner scenario`: a file of scenarios to start from, and what editors check it with."""

from pathlib import Path
from typing import Annotated

import typer

from planner._errors import InputError
from planner.cli._console import console, plain

scenario = typer.Typer(
    help="Prépare un fichier de scénario, et de quoi le vérifier en l'écrivant.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@scenario.command()
def new(
    file: Annotated[Path, typer.Argument(help="Fichier TOML à écrire.")],
    territory: Annotated[
        str | None,
        typer.Option(help="Territoire, livré ou dossier, qui donne son nom et cite ses lieux."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Remplacer un fichier existant.")
    ] = False,
) -> None:
    """Écrit un scénario commenté : chaque clé, ce qu'elle veut dire et sa valeur par défaut."""
    from planner import scenarios
    from planner import territory as territories

    _refuse_existing(file, overwrite=overwrite)
    home = territories.read(territory) if territory else None
    _write(file, scenarios.new_scenario(home))


@scenario.command()
def schema(
    file: Annotated[
        Path | None, typer.Argument(help="Fichier JSON à écrire ; à l'écran sans lui.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Remplacer un fichier existant.")
    ] = False,
) -> None:
    """Donne le schéma JSON des fichiers de scénario, pour un éditeur qui complète et vérifie."""
    from planner import scenarios

    if file is None:
        typer.echo(scenarios.schema_text().encode("utf-8"), nl=False)
        return
    _refuse_existing(file, overwrite=overwrite)
    _write(file, scenarios.schema_text())


def _refuse_existing(file: Path, *, overwrite: bool) -> None:
    if file.exists() and not overwrite:
        raise InputError(f"{file} exists already. Give another name, or --overwrite.")


def _write(file: Path, text: str) -> None:
    from planner._files import replacing

    with replacing(file) as temporary:
        temporary.write_bytes(text.encode("utf-8"))
    console().print(f"Écrit : {plain(file)}", soft_wrap=True)
