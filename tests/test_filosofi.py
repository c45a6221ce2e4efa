"""The INSEE grid, in every shape it has been published in."""

import io
import subprocess
import sys
import zipfile

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from fixtures_fr import as_csv, as_json, as_zip, communes, filosofi
from servers import HTML, Reply, serving

from planner import InputError, NetworkError
from planner.sources import _archives, _national, api_geo
from planner.sources import filosofi as source
from planner.sources.tables import read_cells


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    path = tmp_path_factory.mktemp("communes") / "communes.json"
    path.write_bytes(as_json(communes()))
    return api_geo.read(path)


@pytest.fixture
def read(shapes, tmp_path):
    def reading(content, name="grid.csv"):
        path = tmp_path / name
        path.write_bytes(content)
        return source.read(path, shapes)

    return reading


@pytest.fixture
def grid(read):
    return read(as_csv(filosofi(), separator=","))


def as_gpkg(rows, tmp_path, *, geometry=False):
    path = tmp_path / "made.gpkg"
    frame = gpd.pd.DataFrame(rows)
    if geometry:  # somewhere else: the identifier is what counts
        frame = gpd.GeoDataFrame(frame, geometry=[shapely.Point(0, 0)] * len(frame), crs=2154)
    pyogrio.write_dataframe(frame, path, layer="carreaux_200m_met", driver="GPKG")
    return path.read_bytes()


def test_cells_are_cropped_and_given_a_commune_by_geometry(grid, shapes):
    cells = grid.cells
    assert grid.side_m == 200
    assert cells["idcar_1km"].is_monotonic_increasing
    area = (cells["share_inside"] * 200**2).groupby(cells["commune"]).sum()
    expected = shapes.to_crs(3035).area
    np.testing.assert_allclose(area[expected.index], expected, rtol=2e-2)
    inside = cells[cells["share_inside"] == 1]
    middle = gpd.points_from_xy(inside["x"] + 100, inside["y"] + 100, crs=3035)
    west = gpd.GeoSeries(middle).to_crs(4326).x.to_numpy()
    clear = np.abs(west - 4.83) > 0.002
    assert set(inside["commune"][clear & (west < 4.83)]) == {"01900"}
    assert set(inside["commune"][clear & (west > 4.83)]) == {"01901"}
    assert 0 < cells["share_inside"].min() < 1
    assert (cells["share_inside"] <= 1).all()


def test_the_share_of_residents_imputed_is_told(grid, read):
    people = 0.25 * 3.5 / (0.25 * 3.5 + 0.75 * 4)
    assert grid.imputed_share == pytest.approx(people, abs=0.01)
    silent = [{key: v for key, v in row.items() if "est" not in key} for row in filosofi()]
    assert np.isnan(read(as_csv(silent)).imputed_share)


def test_the_tidy_cells_are_what_build_reads(grid, tmp_path):
    path = tmp_path / "residents.csv"
    grid.cells.to_csv(path, index=False)
    cells = read_cells(path)
    assert list(cells["id"]) == list(grid.cells["idcar_1km"])
    assert (cells["side"] == 200).all()


@pytest.mark.parametrize("edition", [2015, 2017])
@pytest.mark.parametrize("shape", ["plain", "comma", "upper", "zip", "bom"])
def test_every_edition_reads_the_same(read, grid, edition, shape):
    rows = filosofi(edition)
    if shape == "upper":
        rows = [{key.upper(): value for key, value in row.items()} for row in rows]
    content = as_csv(rows, comma=shape == "comma")
    if shape == "zip":
        content = as_zip(lisez_moi__txt=b"?", carreaux_200m_met__csv=content)
    if shape == "bom":
        content = b"\xef\xbb\xbf" + content
    assert read(content, "any.name").cells.equals(grid.cells)


@pytest.mark.parametrize("packed", [False, True])
def test_geopackages_read_the_same(read, grid, tmp_path, packed):
    content = as_gpkg(filosofi(), tmp_path, geometry=packed)
    name = "grid.gpkg"
    if packed:
        content, name = as_zip(carreaux_200m_met__gpkg=content), "grid.zip"
    assert read(content, name).cells.equals(grid.cells)


def test_7z_inside_zip_reads_the_same(read, grid, tmp_path):
    py7zr = pytest.importorskip("py7zr", reason="py7zr reads 7z: an extra of the package")
    plain = tmp_path / "carreaux_200m_met.csv"
    plain.write_bytes(as_csv(filosofi()))
    inner = tmp_path / "Filosofi2019_carreaux_200m_csv.7z"
    with py7zr.SevenZipFile(inner, "w") as archive:
        archive.write(plain, "dossier/carreaux_200m_met.csv")
    assert read(inner.read_bytes(), "a.7z").cells.equals(grid.cells)
    packed = as_zip(Filosofi2019_carreaux_200m_csv__7z=inner.read_bytes())
    assert read(packed, "a.zip").cells.equals(grid.cells)
    with pytest.raises(InputError, match=r"a\.7z: damaged"):
        read(inner.read_bytes()[:-200], "a.7z")


def test_without_the_extra_a_7z_says_what_to_install(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "py7zr", None)
    with pytest.raises(InputError, match=r"pip install 'planner\[sevenzip\]'"):
        read(as_zip(grid__7z=b"7z\xbc\xaf\x27\x1c" + bytes(30)), "a.zip")


def test_parquet_reads_the_same_or_says_what_to_install(read, grid, monkeypatch):
    try:
        import pyarrow as pa  # noqa: F401 - asking is the test
    except ImportError:
        with pytest.raises(InputError, match=r"pip install 'planner\[parquet\]'"):
            read(b"PAR1", "grid.parquet")
        return
    made = io.BytesIO()
    gpd.pd.DataFrame(filosofi()).to_parquet(made)
    assert read(made.getvalue(), "grid.parquet").cells.equals(grid.cells)
    with pytest.raises(InputError, match="damaged"):
        read(made.getvalue()[:-9], "grid.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install 'planner\[parquet\]'"):
        read(made.getvalue(), "grid.parquet")


def test_cells_of_1_km(read, shapes):
    coarse = read(as_csv(filosofi(side=1000), separator=","))
    assert coarse.side_m == 1000
    assert coarse.cells["share_inside"].min() < 0.5
    area = (coarse.cells["share_inside"]).sum()
    assert area == pytest.approx(shapes.to_crs(3035).area.sum() / 1e6, rel=0.01)


def test_several_files_in_one_archive_are_read_together(read, grid):
    rows = filosofi()
    overseas = [rows[0] | {"idcar_200m": "CRS2975RES200mN7634000E318000"}]
    content = as_zip(
        carreaux_200m_met__csv=as_csv(rows[:300]),
        carreaux_200m_more__csv=as_csv(rows[300:]),
        carreaux_200m_reg04__csv=as_csv(overseas),
    )
    assert read(content).cells.equals(grid.cells)


def test_the_order_of_rows_and_the_size_of_chunks_change_nothing(read, grid, monkeypatch):
    monkeypatch.setattr(_national, "CHUNK_ROWS", 97)
    assert read(as_csv(filosofi()[::-1])).cells.equals(grid.cells)


def changed(number, **cells):
    rows = filosofi()
    rows[number] |= cells
    return as_csv(rows)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"idcar_200m;ind\n", "no inhabited cell"),
        (b"code;nom\n01001;a\n", r"Columns missing: idcar_200m or .*; ind\. Found: code, nom"),
        (b"Ind;ind;idcar_200m\n", "not a Filosofi|no inhabited"),
        (b"ind;ind;idcar_200m\n1;2;3\n", "more than once: ind"),
        (changed(9, idcar_200m="carreau 9"), r"row 11, identifier “carreau 9”"),
        (changed(400, ind="beaucoup"), r"row 402, column “ind”: “beaucoup”"),
        (changed(400, ind=-1.0), "“-1.0” is not a number of at least 0"),
        (changed(400, ind=""), "“” is not a number"),
        (changed(400, ind="inf"), "“inf” is not a number"),
        (
            changed(400, lcog_geo="01900;01901").replace(b'"', b""),
            r"row 402 has 8 cells where the header has 7",
        ),
        (as_csv(filosofi())[:-10], r"row 751 has \d cells where"),
        (as_csv([*filosofi(), filosofi()[400]]), "more than once"),
        (as_zip(readme__txt=b"?"), r"no file in it ends in \.csv"),
        (as_zip(a__csv=as_csv(filosofi()))[:-300], "damaged"),
        (b"PK\x03\x04" + bytes(40), "damaged"),
    ],
)
def test_I8_I9_what_is_no_grid_is_refused(read, content, said):
    with pytest.raises(InputError, match=said):
        read(content)


@pytest.mark.parametrize("name", ["grid.gpkg", "grid.zip"])
def test_G6_only_a_clear_error_comes_out_of_a_file_cut_anywhere(read, tmp_path, name):
    whole = as_gpkg(filosofi(), tmp_path)
    if name == "grid.zip":
        whole = as_zip(grid__csv=as_csv(filosofi()))
    for part in range(1, 16):
        with pytest.raises(InputError, match="grid"):
            read(whole[: len(whole) * part // 16], name)


def test_I13_a_bomb_is_refused_before_it_is_unpacked(read, monkeypatch, tmp_path):
    monkeypatch.setattr(_archives, "MAX_MEMBERS", 3)
    with pytest.raises(InputError, match="4 members, above the 3"):
        read(as_zip(a__csv=b"", b__csv=b"", c__csv=b"", d__csv=b""))
    path = tmp_path / "bomb.zip"
    path.write_bytes(as_zip(a__csv=bytes(10**7), readme__txt=b"?"))
    assert path.stat().st_size < 20_000
    with (
        pytest.raises(InputError, match=r"10,000,000 bytes once unpacked \(a\.csv\), above"),
        _archives.opened(path, suffixes=(".csv",), what="grid", max_bytes=10**6),
    ):
        pass


def test_I13_a_member_cannot_land_elsewhere(read, grid, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../../planner-escaped.csv", as_csv(filosofi()))
    before = sorted(tmp_path.parent.iterdir())
    assert read(packed.getvalue()).cells.equals(grid.cells)
    assert sorted(tmp_path.parent.iterdir()) == before


def test_fetch_stores_the_archive_whole_and_checked(tmp_path, shapes):
    with serving() as server:
        url = f"{server.address}/Filosofi2019_carreaux_200m_csv.zip"
        whole = as_zip(grid__csv=as_csv(filosofi()))
        for reply in (HTML, whole[:400], as_zip(a__csv=b"nom;code\n"), as_csv([{"nom": 1}])):
            server.replies["/Filosofi2019_carreaux_200m_csv.zip"] = [Reply(reply)]
            with pytest.raises(NetworkError, match="--file filosofi=FILE"):
                source.fetch(tmp_path, url=url)
            assert not list(tmp_path.iterdir())
        server.replies["/Filosofi2019_carreaux_200m_csv.zip"] = [Reply(whole)]
        receipt = source.fetch(tmp_path, url=url)
        assert source.fetch(tmp_path, url=url) == receipt
    assert len(source.read(receipt.path, shapes).cells) > 300


def test_reading_leaves_nothing_in_the_temporary_folder(tmp_path):
    code = (
        "import tempfile; from planner.sources import _archives\n"
        f"with _archives.opened({str(tmp_path / 'a.zip')!r}, suffixes=('.csv',), what='g') as m:\n"
        "    assert m[0].path.exists()\n"
    )
    (tmp_path / "a.zip").write_bytes(as_zip(a__csv=b"x"))
    folder = tmp_path / "tmp"
    folder.mkdir()
    subprocess.run([sys.executable, "-c", code], check=True, env={"TMPDIR": str(folder)} | PATHS)
    assert not list(folder.iterdir())


PATHS = {"PYTHONPATH": str(_archives.__file__).split("/planner/", maxsplit=1)[0]}
