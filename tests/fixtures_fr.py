"""Files written to the formats French publishers use, around a small made-up EPCI.

Two communes, Bourg (01900, west) and Col (01901, east), side by side south of Mâcon: between them
they hold sixteen squares of 1 km of the INSEE grid or so, and one road goes through both.
"""

import csv
import io
import json
import zipfile

SIREN = "200067817"
WEST, MIDDLE, EAST = 4.80, 4.83, 4.86
SOUTH, NORTH = 46.20, 46.23
TITLE = "CC du Col"


def square(west, south, east, north):
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def point(lon, lat):
    return {"type": "Point", "coordinates": [lon, lat]}


def communes(**changes):
    """Return what API Géo answers for the EPCI; `changes` apply to the first commune."""
    first = {
        "nom": "Bourg-d’Œuf",
        "code": "01900",
        "population": 800,
        "siren": "210109004",
        "codesPostaux": ["01290"],
        "surface": 770.5,
        "centre": point(4.815, 46.215),
        "mairie": point(4.812, 46.216),
        "contour": square(WEST, SOUTH, MIDDLE, NORTH),
    }
    second = {
        "nom": "Col",
        "code": "01901",
        "population": 200,
        "siren": "210109012",
        "codesPostaux": ["01290"],
        "surface": 770.5,
        "centre": point(4.845, 46.215),
        "contour": square(MIDDLE, SOUTH, EAST, NORTH),
    }
    return [second, {k: v for k, v in (first | changes).items() if v is not ...}]


def as_json(value):
    return json.dumps(value, ensure_ascii=False).encode()


def as_csv(rows, *, separator=";", encoding="utf-8", comma=False):
    """Return rows (dicts) as the bytes of a CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), delimiter=separator)
    writer.writeheader()
    for row in rows:
        cells = {
            k: str(v).replace(".", ",") if comma and isinstance(v, float) else v
            for k, v in row.items()
        }
        writer.writerow(cells)
    return text.getvalue().encode(encoding)


def as_zip(**members):
    """Return a zip of members; a double underscore in a name stands for its dot."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return packed.getvalue()
