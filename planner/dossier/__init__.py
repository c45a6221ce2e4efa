"""What a commission gets: one page that opens offline, paper, spreadsheet and GeoPackage."""

from typing import TYPE_CHECKING

from planner.dossier._brand import Brand, contrast_with_white, read_logo
from planner.dossier._geopackage import geopackage
from planner.dossier._page import page
from planner.dossier._paper import communes_pdf, map_pdf
from planner.dossier._sheets import workbook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.plan import Plan
    from planner.runs import Runs

FILES = ("dossier.html", "carte-a3.pdf", "communes-a4.pdf", "tableaux.xlsx", "reseau.gpkg")
"""What :func:`files` gives, by name."""


def files(
    plan: "Plan",
    *,
    compared: "Sequence[Plan]" = (),
    runs: "Runs | None" = None,
    brand: Brand | None = None,
) -> dict[str, bytes]:
    """Return the dossier of a plan, file by file, in the language that is now spoken.

    Parameters
    ----------
    plan
        The plan.
    compared
        Up to three other plans of the same territory, held against it.
    runs
        Plans on disk of a batch on it, see :func:`planner.runs.read`.
    brand
        Whose dossier it is.

    Returns
    -------
    dict[str, bytes]
        Contents by the names of `FILES`, for :meth:`planner.Plan.save`. The same plans give the
        same bytes.

    Raises
    ------
    InputError
        When the plans cannot be compared, or no run is of the same territory.
    """
    brand = brand or Brand()
    contents = (
        page(plan, compared=compared, runs=runs, brand=brand).encode(),
        map_pdf(plan, brand=brand),
        communes_pdf(plan, brand=brand),
        workbook(plan, brand=brand),
        geopackage(plan),
    )
    return dict(zip(FILES, contents, strict=True))


__all__ = [
    "FILES",
    "Brand",
    "communes_pdf",
    "contrast_with_white",
    "files",
    "geopackage",
    "map_pdf",
    "page",
    "read_logo",
    "workbook",
]
