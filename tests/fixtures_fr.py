"""Files written to the formats French publishers use, around a small made-up EPCI.

Two communes, Bourg (01900, west) and Col (01901, east), side by side south of Mâcon: between them
they hold sixteen squares of 1 km of the INSEE grid or so, and one road goes through both.
"""

import csv
import io
import json
import zipfile

from pyproj import Transformer

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


def cells(side=200):
    """Return the corners (x, y) in EPSG:3035 of the squares around the two communes."""
    x0, y0, x1, y1 = GRID_BOX
    return [(x, y) for y in range(y0, y1, side) for x in range(x0, x1, side)]


GRID_BOX = (3_919_000, 2_578_000, 3_925_000, 2_583_000)


def filosofi(edition=2019, *, side=200):
    """Return the rows of a Filosofi edition: three residents and a bit in every square."""
    rows = []
    for number, (x, y) in enumerate(cells(side)):
        name, km = f"CRS3035RES{side}mN{y}E{x}", f"{y // 1000 * 1000}E{x // 1000 * 1000}"
        km = f"CRS3035RES1000mN{km}"
        imputed = number % 4 == 0
        people = 3.5 if imputed else 4.0
        if edition == 2019 and side == 200:
            row = {"idcar_200m": name, "idcar_1km": km, "i_est_200": int(imputed)}
            row |= {"i_est_1km": 1, "lcog_geo": "01900,01901", "ind": people, "men": 1.0}
        elif edition == 2019:
            row = {"idcar_1km": name, "i_est_1km": int(imputed), "lcog_geo": "01900", "ind": people}
        elif edition == 2017:
            row = {"Idcar_200m": name, "I_est_200": int(imputed), "lcog_geo": "01900"}
            row |= {"Ind": people, "Men": 1.0}
        else:
            row = {"IdINSPIRE": name, "Id_carr1km": km, "I_est_cr": int(imputed), "Depcom": "01900"}
            row |= {"Men": 1.0, "Ind": people}
        rows.append(row)
    return rows


PLACES = (  # id, lon, lat, tags
    (101, 4.812, 46.216, {"place": "village", "name": "Bourg-d’Œuf"}),
    (102, 4.813, 46.216, {"shop": "bakery", "name": "Boulangerie <b>Œuf</b>"}),
    (103, 4.845, 46.215, {"amenity": "cafe", "name": "Café du Col"}),
    (104, 4.900, 46.215, {"shop": "bakery", "name": "Chez le voisin"}),
)


def osm_xml(*, remark=""):
    """Return a small OpenStreetMap file: a road through both communes, houses, a few places."""
    ways = []
    road = range(1, 14)
    nodes = [
        f'<node id="{i}" version="1" lat="46.2155" lon="{4.79 + i * 0.006:.4f}"/>' for i in road
    ]
    ways.append((1, list(road), {"highway": "secondary", "name": "Route du Col"}))
    ways.append((2, [3, 102], {"highway": "residential"}))
    for i, lon, lat, tags in PLACES:
        inner = "".join(f'<tag k="{k}" v="{_xml(v)}"/>' for k, v in tags.items())
        nodes.append(f'<node id="{i}" version="1" lat="{lat}" lon="{lon}">{inner}</node>')
    for number in range(8):
        lon, lat = 4.806 + number * 0.006, 46.214
        corners = [(lon, lat), (lon + 2e-4, lat), (lon + 2e-4, lat + 1e-4), (lon, lat + 1e-4)]
        first = 201 + 4 * number
        for i, (x, y) in enumerate(corners, start=first):
            nodes.append(f'<node id="{i}" version="1" lat="{y:.5f}" lon="{x:.5f}"/>')
        ways.append((10 + number, [*range(first, first + 4), first], {"building": "house"}))
    body = "".join(nodes)
    for i, refs, tags in ways:
        members = "".join(f'<nd ref="{ref}"/>' for ref in refs)
        inner = "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
        body += f'<way id="{i}" version="1">{members}{inner}</way>'
    tail = f"<remark>{remark}</remark>" if remark else ""
    text = f'<?xml version="1.0" encoding="UTF-8"?><osm version="0.6">{body}{tail}</osm>'
    return text.encode()


def _xml(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def replies(**changes):
    """Return what each service answers, by path, for a whole and truthful run."""
    base = f"/epcis/{SIREN}"
    return {
        base: as_json({"nom": TITLE, "code": SIREN}),
        f"{base}/communes": as_json(communes()),
        "/centres": as_json(centres()),
        "/overpass": osm_xml(),
        "/filosofi.zip": as_zip(grid__csv=as_csv(filosofi())),
        "/BPE24.zip": as_zip(
            BPE24__csv=as_csv(bpe()), Varmod_BPE24__csv=as_csv(TYPES, encoding="cp1252")
        ),
        "/third.csv": as_csv(THIRD_PLACES, separator=","),
        "/fs.csv": as_csv(FRANCE_SERVICES, separator=","),
        "/sirene.zip": as_zip(StockEtablissement__csv=as_csv(SIRENE, separator=",")),
        "/units.csv": as_csv(UNITS, separator=","),
        "/places.csv": as_csv(sirene_places()),
        "/mobpro.zip": as_zip(FD_MOBPRO_2019__csv=as_csv(mobpro())),
        "/jobs.zip": as_zip(base__CSV=as_csv(jobs())),
    } | changes


def servers(address):
    """Return the addresses that send every source to one server."""
    return {
        "communes": address,
        "centres": f"{address}/centres",
        "osm": f"{address}/overpass",
        "filosofi": f"{address}/filosofi.zip",
        "bpe": f"{address}/BPE24.zip",
        "third-places": f"{address}/third.csv",
        "france-services": f"{address}/fs.csv",
        "sirene": f"{address}/sirene.zip",
        "sirene-units": f"{address}/units.csv",
        "sirene-places": f"{address}/places.csv",
        "mobpro": f"{address}/mobpro.zip",
        "jobs": f"{address}/jobs.zip",
    }


def bpe(edition=2024):
    """Return the rows of a BPE: positions in degrees since 2024, in Lambert-93 before."""
    rows = []
    for code, kind, lon, lat in (
        ("01900", "B201", 4.811, 46.217),
        ("01900", "A129", 4.812, 46.216),
        ("01900", "A501", 4.812, 46.216),  # no use for us
        ("01901", "A504", 4.846, 46.215),
        ("01901", "F307", None, None),
        ("01901", "A504", 5.9, 45.0),  # far from its commune
        ("69123", "B201", 4.85, 45.75),
    ):
        row = {"AN": edition, "DEP": code[:2], "DEPCOM": code, "TYPEQU": kind}
        if edition >= 2024:
            row |= {"NOMRS": f"LE  N°{len(rows)}", "LONGITUDE": lon, "LATITUDE": lat}
        else:
            x, y = (None, None) if lon is None else lambert(lon, lat)
            row |= {"LAMBERT_X": x, "LAMBERT_Y": y, "QUALITE_XY": "Bonne"}
        rows.append({key: "" if value is None else value for key, value in row.items()})
    return rows


def lambert(lon, lat):
    x, y = Transformer.from_crs(4326, 2154, always_xy=True).transform(lon, lat)
    return round(x, 2), round(y, 2)


TYPES = [
    {"COD_VAR": "DEP", "COD_MOD": "01", "LIB_MOD": "Ain"},
    {"COD_VAR": "TYPEQU", "COD_MOD": "B201", "LIB_MOD": "Supérette"},
    {"COD_VAR": "TYPEQU", "COD_MOD": "A129", "LIB_MOD": "Mairie"},
    {"COD_VAR": "TYPEQU", "COD_MOD": "A504", "LIB_MOD": "Restaurant - restauration rapide"},
    {"COD_VAR": "TYPEQU", "COD_MOD": "A501", "LIB_MOD": "Coiffure"},
    {"COD_VAR": "TYPEQU", "COD_MOD": "F307", "LIB_MOD": "Bibliothèque"},
]

THIRD_PLACES = [
    {"name": "Le Relais, coworking", "address.addressLocality": "Bourg-d’Œuf",
     "address.postalCode": "01290", "geo.latitude": 46.2165, "geo.longitude": 4.8105},
    {"name": "La Fabrique", "address.addressLocality": "Col",
     "address.postalCode": "01290", "geo.latitude": 46.2155, "geo.longitude": 4.8455},
    {"name": "Ailleurs", "address.addressLocality": "Lyon",
     "address.postalCode": "69001", "geo.latitude": 45.76, "geo.longitude": 4.83},
    {"name": "Sans lieu", "address.addressLocality": "Col",
     "address.postalCode": "01290", "geo.latitude": "", "geo.longitude": ""},
]  # fmt: skip

STATE_LIST = [
    {"NOM_TL": "Le Relais", "INSEECOM": "01900", "TYPO": "Coworking", "LAT": 46.2165,
     "LONG": 4.8105},
    {"NOM_TL": "La Fabrique", "INSEECOM": 0, "TYPO": "Fablab", "LAT": 46.2155, "LONG": 4.8455},
]  # fmt: skip

FRANCE_SERVICES = [
    {"id_fs": 570, "lib_fs": "France services de Bourg", "insee_com": "01900",
     "latitude": 46.2161, "longitude": 4.8121, "adresse": "1 place de la Mairie"},
    {"id_fs": 571, "lib_fs": "France services de Lyon", "insee_com": "69381",
     "latitude": 45.76, "longitude": 4.83, "adresse": "2 rue de la République"},
]  # fmt: skip


def centres():
    """Return the centres of communes: of the two, of Lyon, of one nearby, and one without any."""
    places = {"01900": (4.81, 46.21), "69123": (4.8357, 45.7676), "01053": (5.2219, 46.2054)}
    found = [
        {"code": code, "centre": {"type": "Point", "coordinates": list(place)}}
        for code, place in places.items()
    ]
    return [*found, {"code": "01901"}]


SIRENE = [
    {"siret": siret, "siren": siret[:9], "enseigne1Etablissement": sign,
     "codeCommuneEtablissement": code, "activitePrincipaleEtablissement": "94.99Z",
     "trancheEffectifsEtablissement": "NN", "etatAdministratifEtablissement": state}
    for siret, sign, code, state in (
        ("00100000100011", "", "01900", "A"),  # a SCOP
        ("00100000200011", "", "01901", "A"),  # a SCIC, by its name
        ("00100000300011", "Foyer rural", "01901", "A"),  # an association that hides its name
        ("00100000400011", "", "01901", "F"),  # closed
        ("00100000500011", "", "01900", "A"),  # a garage
        ("00100000600011", "", "69123", "A"),  # an association elsewhere
    )
]  # fmt: skip

UNITS = [
    {
        "siren": f"00100000{n}",
        "denominationUniteLegale": name,
        "categorieJuridiqueUniteLegale": kind,
    }
    for n, name, kind in (
        (1, "Menuiserie  du Col", "5458"),
        (2, "SCIC Bois d’Œuvre", "5710"),
        (3, "[ND]", "9220"),
        (4, "Boules du Col", "9220"),
        (5, "Garage du Col", "5499"),
        (6, "Boules d’ailleurs", "9220"),
    )
]


def sirene_places():
    """Return the rows of the file of positions; the association has none."""
    return [
        {"siret": siret, "x": x, "y": y, "qualite_xy": "11"}
        for siret, (x, y) in (
            ("00100000100011", lambert(4.8115, 46.2165)),
            ("00100000200011", lambert(4.8452, 46.2152)),
        )
    ]


def mobpro():
    """Return the rows of a MOBPRO: pairs on several rows, work abroad, a region elsewhere."""
    return [
        {"COMMUNE": home, "ARM": "ZZZZZ", "DCLT": work, "DCFLT": abroad, "TRANS": "5",
         "IPONDI": weight, "CS1": "3"}
        for home, work, abroad, weight in (
            ("01900", "01900", "99999", "1.25000000001"),
            ("01900", "01900", "99999", "2.5"),
            ("01900", "69123", "99999", "250.125"),
            ("01901", "SU025", "SU025", "3.0"),
            ("2A004", "01901", "99999", "4.75"),
            ("69123", "69123", "99999", "9.0"),
        )
    ]  # fmt: skip


def jobs(year=19):
    """Return the rows of base-cc-emploi-pop-active; a fifth of the workers are cadres (3)."""
    groups = {1: 0.02, 2: 0.08, 3: 0.2, 4: 0.3, 5: 0.25, 6: 0.15}
    return [
        {"CODGEO": code, f"P{year}_POP1564": 9.5, f"P{year}_EMPLT": count,
         f"P{year}_ACTOCC": count / 2}
        | {f"C{year}_ACTOCC1564_CS{k}": count / 2 * share for k, share in groups.items()}
        for code, count in (("01900", 310.5), ("01901", 20.0), ("69123", 9e5))
    ]  # fmt: skip
