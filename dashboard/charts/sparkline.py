"""A small line that ends in the mark of its newest point. Drawn as SVG: a whole chart would cost too much."""

from collections.abc import Sequence
from urllib.parse import quote

from dashboard.charts.spc import MARKS, mark_of

WIDTH, HEIGHT, EDGE = 150, 36, 7
SHAPES = {
    "circle": '<circle cx="{x}" cy="{y}" r="4"/>',
    "diamond": '<path d="M{x} {y}m0-5.5l5.5 5.5-5.5 5.5-5.5-5.5z"/>',
    "square": '<path d="M{x} {y}m-4-4h8v8h-8z"/>',
    "triangle-up": '<path d="M{x} {y}m0-5.5l5 9h-10z"/>',
}
DARK = "@media (prefers-color-scheme:dark){{path.l{{stroke:#93a3ae}}g{{fill:{mark}}}}}"
DARK_MARKS = {"common": "#93a3ae", "improvement": "#41b6ef", "concern": "#ff8f45", "neutral": "#c09bff"}


def sparkline(values: Sequence[float | None], variation: str | None) -> str:
    """A `data:` URL of an SVG of these values, oldest first; a missing value breaks the line. "" with no value."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    step = (WIDTH - 2 * EDGE) / max(1, len(values) - 1)

    def place(position: int, value: float) -> tuple[float, float]:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(EDGE + position * step, 1), round(HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE), 1)

    strokes, pen = [], "M"
    end = (0.0, 0.0)
    for position, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        end = place(position, value)
        strokes.append(f"{pen}{end[0]} {end[1]}")
        pen = "L"
    colour, symbol, _, _ = MARKS[mark_of(variation)]
    style = DARK.format(mark=DARK_MARKS[mark_of(variation)])
    mark = SHAPES[symbol].format(x=end[0], y=end[1])
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"><style>{style}</style>'
        f'<path class="l" d="{"".join(strokes)}" fill="none" stroke="#768692" stroke-width="1.5"/>'
        f'<g fill="{colour}">{mark}</g></svg>'
    )
    return "data:image/svg+xml," + quote(svg, safe="/:=' ")
