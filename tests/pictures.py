"""Pictures of what a reader sees: the references of the tests, and the picture of the README.

``python tests/pictures.py`` takes them all anew; tests/references/README.md says when. Pages use
the fonts of the machine that shows them; here they are shown in the one that comes with Matplotlib,
so that every machine lays them out alike.
"""

import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from browsers import Browser, started
from mapped import without_policy
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image

from planner import Scenario, dossier, run, territory

REFERENCES = Path(__file__).parent / "references"
README = Path(__file__).parents[1] / "notebooks" / "liechtenstein.png"
DEFAULT = "liechtenstein"  # what `planner plan` plans
SIZES = ((1366, 768), (390, 844))
TABS = ("essentiel", "commune")
_COLOURS, _BLOCK = 256, 8
_FONTS = {"normal": "DejaVuSans.ttf", "bold": "DejaVuSans-Bold.ttf"}
_STYLE = (
    "".join(
        f"@font-face {{ font-family: alike; font-weight: {weight}; src: url({name}); }}"
        for weight, name in _FONTS.items()
    )
    + "* { font-family: alike !important; }"
)
_READY = """const done = arguments[0];
document.fonts.ready.then(() => {
  if (typeof carte === "object") carte.show();  // names have other widths now
  const loaded = [...document.fonts].every((font) => font.status === "loaded");
  requestAnimationFrame(() => requestAnimationFrame(() => done(loaded)));
});"""


def pages() -> dict[str, str]:
    """Return the pages that are shown, by name: the map, and the dossier of another territory."""
    return {
        "carte": run(territory.read(DEFAULT), Scenario()).map(),
        "dossier": dossier.page(run(territory.read("saone-beaujolais"), Scenario())),
    }


def taken(
    browser: Browser, texts: dict[str, str], folder: Path
) -> Iterator[tuple[str, Image.Image]]:
    """Yield every picture with its name."""
    browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})  # they fade
    for weight, name in _FONTS.items():
        font = font_manager.FontProperties(family="DejaVu Sans", weight=weight)
        shutil.copy(font_manager.findfont(font), folder / name)
    for width, height in SIZES:
        for name, text in texts.items():
            path = folder / f"{name}.html"
            alike = without_policy(text).replace("</head>", f"<style>{_STYLE}</style></head>", 1)
            path.write_text(alike, encoding="utf-8")
            browser.open(path, width=width, height=height)
            for tab in TABS if name == "dossier" else ("",):
                if tab:
                    browser.find_element("id", f"onglet-{tab}").click()
                assert browser.execute_async_script(_READY), "the font is not loaded"
                yield "-".join(filter(None, (name, tab, f"{width}x{height}"))), shown(browser)


def shown(browser: Browser) -> Image.Image:
    """Return what the window shows."""
    return Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")


def written(picture: Image.Image, path: Path) -> None:
    """Write a picture in few colours: the same picture gives the same bytes."""
    method, dither = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
    few = picture.quantize(_COLOURS, method=method, kmeans=2, dither=dither)
    few.save(path, format="PNG", optimize=True)


def blocks(picture: Image.Image) -> NDArray[np.float64]:
    """Return the mean colour of every block of 8 × 8 pixels, in which letters are no more."""
    pixels = np.asarray(picture.convert("RGB"), dtype=float)
    high, wide = (side // _BLOCK for side in pixels.shape[:2])
    cut = pixels[: high * _BLOCK, : wide * _BLOCK]
    return cut.reshape(high, _BLOCK, wide, _BLOCK, 3).mean(axis=(1, 3))


def difference(picture: Image.Image, reference: Image.Image) -> float:
    """Return how far a picture is from its reference: the mean over blocks, in levels of 255."""
    return float(np.abs(blocks(picture) - blocks(reference)).mean())


def main() -> None:
    """Take every picture anew."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with started(folder / "profile") as browser:
            for key, picture in taken(browser, pages(), folder):
                written(picture, REFERENCES / f"{key}.png")
                if key == f"carte-{SIZES[0][0]}x{SIZES[0][1]}":
                    written(picture, README)
    for path in (README, *sorted(REFERENCES.glob("*.png"))):
        print(f"{path.stat().st_size:>9,} {path.name}")


if __name__ == "__main__":
    main()
