import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import _files
from planner._errors import InputError

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0"]


def inside(folder):
    return sorted(path.name for path in folder.iterdir())


def test_existing_file(tmp_path):
    path = tmp_path / "a.csv"
    with pytest.raises(InputError, match=r"communes not found: .*a\.csv"):
        _files.existing_file(path, what="communes")
    path.touch()
    with pytest.raises(InputError, match="communes is empty"):
        _files.existing_file(str(path), what="communes")
    path.write_text("a")
    assert _files.existing_file(str(path), what="communes") == path
    with pytest.raises(InputError, match="not found"):
        _files.existing_file(tmp_path, what="communes")


def test_a_link_to_nothing_is_not_found(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(InputError, match="not found"):
        _files.existing_file(tmp_path / "link", what="roads")


def test_digest(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"planner" * 100_000)
    assert _files.digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_replacing_makes_folders_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "new" / "deep" / "a.txt"
    with _files.replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".txt"
        assert not temporary.exists()
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert inside(path.parent) == ["a.txt"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("error", [OSError, ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("written", ["", "half"])
def test_O6_what_fails_half_way_leaves_the_old_file_and_no_other(tmp_path, error, written):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with _files.replacing(path) as temporary:
            temporary.write_text(written)
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert inside(tmp_path) == ["a.txt"]


def test_O6_a_rename_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"), _files.replacing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "old"
    assert inside(tmp_path) == ["a.txt"]


def test_O5_a_link_is_replaced_and_what_it_points_to_stays(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("mine")
    link.symlink_to(target)
    with _files.replacing(link) as temporary:
        temporary.write_text("new")
    assert not link.is_symlink()
    assert (target.read_text(), link.read_text()) == ("mine", "new")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("../x", "x"), ("/etc/passwd", "etc-passwd"), ("a/b\\c:d", "a-b-c-d"), ("CON", "con-1"),
        ("com1", "com1-1"), ("nul.txt", "nul-txt"), ("", "sans-nom-1"), ("...", "sans-nom-1"),
        ("日本", "sans-nom-1"), ("Œuvre É", "uvre-e"), ("\0a", "a"), ("~", "sans-nom-1"),
    ],
)  # fmt: skip
def test_O5_names_of_files(text, name):
    assert _files.slug(text) == name


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(st.text(max_size=200))
def test_O5_a_name_is_always_safe_and_a_safe_name_stays(text):
    name = _files.slug(text)
    assert name
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not name.startswith("-")
    assert len(name) <= 82
    assert _files.slug(name) == name


@pytest.mark.parametrize("cell", FORMULAS)
def test_O4_formulas_are_text(cell):
    assert _files.safe_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["Mâcon", "a=b", "3-4", "", 3, -3, -3.5, None, "'=1"])
def test_O4_other_cells_stay(cell):
    assert _files.safe_cell(cell) is cell
