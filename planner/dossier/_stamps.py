"""What many pages of a PDF have alike: laid out once, and written again on each of them.

Matplotlib lays a text out, glyph by glyph, every time that it draws it; a sheet a commune has the
same titles, caveats, legend and map as the sheet before. A stamp keeps the operators that drawing
wrote into the page, and writes them again, moved.
"""

from collections.abc import Callable, Hashable
from typing import Any

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.text import Text

_BLACK = (0.0, 0.0, 0.0)
_POINTS = 72  # an inch

Place = Callable[[], tuple[float, ...]]


class Stamp:
    """An artist that is drawn once for all the pages of a PDF.

    Parameters
    ----------
    drawn
        The artist. One that is part of a figure is hidden there, and is seen where it is stamped.
    """

    def __init__(self, drawn: Artist) -> None:
        self._drawn = drawn
        self._kept: tuple[Any, tuple[float, ...], bytes] | None = None
        drawn.set_visible(False)

    def put(self, renderer: Any, place: tuple[float, ...]) -> None:  # noqa: ANN401 - of matplotlib
        """Draw the artist, or what is kept of it.

        Parameters
        ----------
        renderer
            Of a page.
        place
            Where the artist stands, x and y in points, and what else it depends on: what is kept is
            moved by the difference of the first two, and drawn anew where the others differ.
        """
        inner = renderer.check_gc.__self__  # of the page: matplotlib wraps it
        file = inner.file
        inner.check_gc(inner.new_gc(), _BLACK)  # whatever came before, drawing starts from the same
        if self._kept is None or self._kept[0] is not file or self._kept[1][2:] != place[2:]:
            self._kept = (file, place, self._recorded(inner))
        _, then, operators = self._kept
        x, y = (now - before for now, before in zip(place[:2], then, strict=False))
        file.write(b"q 1 0 0 1 %.4f %.4f cm\n" % (x, y) + operators + b"Q\n")

    def _recorded(self, renderer: Any) -> bytes:  # noqa: ANN401 - of matplotlib
        """Return what drawing the artist writes into a page."""
        file, state, page = renderer.file, renderer.gc, renderer.file.currentstream
        kept = _Kept()
        renderer.gc, file.currentstream = renderer.new_gc(), kept
        self._drawn.set_visible(True)
        try:
            self._drawn.draw(renderer)
            file.output(*renderer.gc.finalize())
        finally:
            self._drawn.set_visible(False)
            renderer.gc, file.currentstream = state, page
        return b"".join(kept.written)


class _Kept:
    """What stands for the page while operators are kept."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keep what a page would hold."""
        self.written.append(data)


class Stamped(Artist):
    """An artist of a figure that is a stamp of another.

    Parameters
    ----------
    drawn
        What is stamped.
    place
        Where it stands when a page is drawn, see :meth:`Stamp.put`.
    zorder
        Higher is drawn later.
    """

    def __init__(self, drawn: Artist, place: Place, *, zorder: float) -> None:
        super().__init__()
        self._stamp, self._place = Stamp(drawn), place
        self.set_zorder(zorder)

    def draw(self, renderer: Any) -> None:  # noqa: ANN401 - of matplotlib
        """Put the stamp where it stands now."""
        self._stamp.put(renderer, self._place())


class Lines(Artist):
    """The texts of a page: those that an earlier page had are stamps, wherever they stood.

    Parameters
    ----------
    figure
        Of the page.
    """

    def __init__(self, figure: Figure) -> None:
        super().__init__()
        self.set_zorder(Text.zorder)
        self._height = figure.get_figheight() * _POINTS
        self._page = figure
        self._stamps: dict[Hashable, Stamp] = {}
        self._here: list[tuple[Stamp, float]] = []
        figure.add_artist(self)

    def write(self, x: float, y: float, text: str, **look: Any) -> None:  # noqa: ANN401 - of matplotlib
        """Write a text on the page.

        Parameters
        ----------
        x, y
            Shares of the width and of the height, from the lower left.
        text
            On one line.
        look
            What :class:`matplotlib.text.Text` takes.
        """
        key = (x, text, *sorted(look.items()))
        if key not in self._stamps:
            drawn = Text(x, y, text, transform=self._page.transFigure, **look)
            drawn.set_figure(self._page)
            self._stamps[key] = Stamp(drawn)
        self._here.append((self._stamps[key], y * self._height))

    def clear(self) -> None:
        """Empty the page."""
        self._here.clear()

    def draw(self, renderer: Any) -> None:  # noqa: ANN401 - of matplotlib
        """Draw the page, in the order in which it was written."""
        for stamp, y in self._here:
            stamp.put(renderer, (0.0, y))


__all__ = ["Lines", "Stamp", "Stamped"]
