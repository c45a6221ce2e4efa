"""What a reader sees is what was looked at and found right: tests/references/README.md."""

import pictures
import pytest
from PIL import Image

_MOST = 0.5  # levels of 255, mean over blocks; tests/references/README.md says what passes
_NAMES = {
    f"{page}-{width}x{height}"
    for width, height in pictures.SIZES
    for page in ("carte", *(f"dossier-{tab}" for tab in pictures.TABS))
}


@pytest.mark.browser
def test_every_page_looks_as_its_reference(browser, tmp_path):
    far = {}
    seen = set()
    for name, picture in pictures.taken(browser, pictures.pages(), tmp_path):
        seen.add(name)
        with Image.open(pictures.REFERENCES / f"{name}.png") as reference:
            assert picture.size == reference.size
            far[name] = pictures.difference(picture, reference)
        if far[name] > _MOST:
            picture.save(tmp_path / f"{name}.png")
    assert seen == _NAMES
    assert {name: value for name, value in far.items() if value > _MOST} == {}, tmp_path


def test_the_references_are_few_and_light():
    files = sorted(pictures.REFERENCES.glob("*.png"))
    assert {path.stem for path in files} == _NAMES
    assert sum(path.stat().st_size for path in files) < 1_000_000
    assert pictures.README.stat().st_size < 300_000
    with Image.open(pictures.README) as picture:
        assert picture.size == pictures.SIZES[0]


def test_a_picture_gives_the_same_bytes_twice(tmp_path):
    with Image.open(pictures.README) as picture:
        for name in ("one.png", "two.png"):
            pictures.written(picture.convert("RGB"), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
