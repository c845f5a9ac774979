"""A page of sections: one HTML file that opens offline, with no script and nothing to fetch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal

from mlwright.core.errors import UserError
from mlwright.stats.intervals import Interval

if TYPE_CHECKING:
    from jinja2 import Template

    from .figures import Svg

MOST_BYTES = 2_000_000

Tone = Literal["good", "bad", "unsure", "plain"]
Cell = str | int | float | Interval | None


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True, slots=True)
class Tiles:
    """A few values that are read at a glance, each under its name."""

    kind: ClassVar[str] = "tiles"
    values: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; a measured cell is shown with its interval.

    `marked` are the numbers of the rows that stand out.
    """

    kind: ClassVar[str] = "table"
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    marked: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing of `report.figures` with a sentence that says what is to be seen in it."""

    kind: ClassVar[str] = "figure"
    svg: Svg
    caption: str


@dataclass(frozen=True, slots=True)
class Preformatted:
    """Text whose lines stay as they are, such as a command or an alert."""

    kind: ClassVar[str] = "preformatted"
    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list of sentences."""

    kind: ClassVar[str] = "items"
    items: Sequence[str]


Part = Text | Tiles | Table | Figure | Preformatted | Items


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, the sentence that a hurried reader takes away, and the parts below it."""

    title: str
    verdict: str = ""
    tone: Tone = "plain"
    parts: Sequence[Part] = ()


def render(title: str, sections: Sequence[Section], *, subtitle: str = "") -> str:
    """Return the page as HTML; every text is escaped, so a name like `<script>` shows as text.

    Raises:
        UserError: the page would be larger than 2 MB.

    >>> page = render("A < B", [Section("One", verdict="All is well.", tone="good")])
    >>> "<h1>A &lt; B</h1>" in page
    True
    """
    page = _template().render(title=title, subtitle=subtitle, sections=sections)
    size = len(page.encode())
    if size > MOST_BYTES:
        raise UserError(
            f"the report {title!r} would take {size / 1e6:.1f} MB, more than 2 MB",
            hint="show fewer figures",
        )
    return page


def shown(cell: Cell) -> str:
    """Write a cell: three digits for a measured value, its interval behind it.

    >>> shown(0.123456), shown(2.5e-9), shown(1409), shown(None)
    ('0.1235', '2.5e-09', '1,409', '-')
    >>> shown(Interval(0.8, 0.75, 0.85, 100))
    '0.8 (0.75 to 0.85)'
    """
    if cell is None:
        return "-"
    if isinstance(cell, Interval):
        return f"{cell.value:.3g} ({cell.low:.3g} to {cell.high:.3g})"
    if isinstance(cell, float):
        if abs(cell) >= 1e4:
            return f"{cell:,.0f}"
        return f"{cell:.4g}" if abs(cell) >= 1e-3 or cell == 0 else f"{cell:.1e}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def is_number(cell: Cell) -> bool:
    """Tell whether a cell belongs to the right of its column."""
    return isinstance(cell, int | float | Interval)


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mlwright", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = shown
    environment.tests["measured"] = is_number
    environment.tests["interval"] = lambda cell: isinstance(cell, Interval)
    return environment.get_template("page.html")
