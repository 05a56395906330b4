"""Curves as SVG that goes straight into the page."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence

import matplotlib
import matplotlib.ticker

from .load import Curve

__all__ = ['PALETTE', 'lines', 'trade_off', 'with_prefix']

PALETTE = ('#0f6e84', '#d9642b', '#6b4fa0', '#3f8f4f', '#b8325e', '#8a6d1d',
           '#4a6fd0', '#5b6470')
"""Colours of models and curves, in order; readable on white and in print."""

_INK, _FAINT = '#3d4852', '#dfe5ea'
_SETTINGS = {
    'svg.fonttype': 'none',
    'svg.hashsalt': 'mmgancomp',
    'font.family': 'sans-serif',
    'font.size': 10,
    'axes.edgecolor': _FAINT,
    'axes.labelcolor': _INK,
    'axes.grid': True,
    'axes.axisbelow': True,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'grid.color': _FAINT,
    'grid.linewidth': 0.7,
    'text.color': _INK,
    'xtick.color': _INK,
    'ytick.color': _INK,
    'xtick.major.size': 0,
    'ytick.major.size': 0,
    'xtick.minor.size': 0,
    'ytick.minor.size': 0,
    'legend.frameon': False,
    'figure.facecolor': 'none',
    'axes.facecolor': 'none',
}


def lines(curves: Mapping[str, Curve], x_label: str, y_label: str) -> str:
    """Named curves in one figure, as an ``<svg>`` element."""
    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _figure()
        for position, (name, curve) in enumerate(curves.items()):
            x, y = zip(*curve.points)
            axes.plot(
                x,
                y,
                label=name,
                color=_colour(position),
                linewidth=2,
                marker='o' if len(x) < 25 else None,
                markersize=4)
        _scale(axes, [y for c in curves.values() for _, y in c.points])
        # Updates, iterations and rounds are counted.
        axes.xaxis.set_major_locator(
            matplotlib.ticker.MaxNLocator(
                8, steps=[1, 2, 2.5, 5, 10], integer=True))
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        if len(curves) > 1:
            axes.legend(loc='best', fontsize=9)
        return _svg(figure)


def trade_off(points: Sequence[tuple[str, float, float]], x_label: str,
              y_label: str, floor: float | None) -> str:
    """Models as labelled dots: what they cost against how good they are.

    Args:
        points: Name, cost and metric of each model.
        x_label: What the cost is.
        y_label: What the metric is.
        floor: What real images score, drawn as a dashed line.
    """
    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _figure()
        for position, (_, x, y) in enumerate(points):
            axes.scatter([x], [y], s=70, color=_colour(position), zorder=3)
        _label(axes, points)
        values = [y for *_, y in points]
        if floor is not None:
            axes.axhline(floor, color=_INK, linestyle=(0, (4, 4)), alpha=.6)
            axes.annotate(
                'real images', (1, floor),
                xycoords=('axes fraction', 'data'),
                xytext=(0, 4),
                textcoords='offset points',
                ha='right',
                fontsize=9)
            values.append(floor)
        _scale(axes, values)
        axes.set_xlim(left=0, right=1.3 * max(x for _, x, _ in points))
        axes.xaxis.set_major_formatter(matplotlib.ticker.EngFormatter(sep=' '))
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        return _svg(figure)


def _label(axes, points: Sequence[tuple[str, float, float]]) -> None:
    for position, (name, x, y) in enumerate(points):
        axes.annotate(
            name, (x, y),
            xytext=(9, 0),
            textcoords='offset points',
            va='center',
            fontsize=9.5,
            color=_colour(position))


def _colour(position: int) -> str:
    return PALETTE[position % len(PALETTE)]


def _scale(axes, values: Sequence[float]) -> None:
    """Logarithmic where a linear axis would flatten most of the points."""
    if min(values) > 0 and max(values) / min(values) > 20:
        axes.set_yscale('log')
        axes.yaxis.set_major_formatter(
            matplotlib.ticker.FuncFormatter(lambda y, _: f'{y:g}'))
        axes.grid(False, which='minor')
    elif min(values) >= 0:
        axes.set_ylim(bottom=0, top=1.1 * max(values) or 1)


def _figure():
    # Not pyplot: it would choose a display, and keep every figure alive.
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    figure = Figure(figsize=(6.4, 3.6), layout='constrained')
    FigureCanvasSVG(figure)
    return figure, figure.add_subplot()


def _svg(figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format='svg', metadata={'Date': None})
    text = buffer.getvalue()
    svg = text[text.index('<svg'):]
    # The address of the creator is the only link in it; the page has none.
    svg = re.sub(r'<metadata>.*?</metadata>', '', svg, flags=re.DOTALL)
    return svg


def with_prefix(svg: str, prefix: str) -> str:
    """Put a prefix before every id: all figures share one document."""
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r'url\(#', f'url(#{prefix}', svg)
    return re.sub(r'href="#', f'href="#{prefix}', svg)
