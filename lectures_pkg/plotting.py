"""Figures: one style and one colour per meaning, readable on light and on dark pages.

Functions take arrays and draw on matplotlib axes; they compute nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

# One meaning, one colour, everywhere (Okabe & Ito's set, safe for colour-blind readers).
DATA = "#0072B2"  #: data, the real thing
MODEL = "#D55E00"  #: model, generated
CRITIC = "#009E73"  #: discriminator, critic
BOUND = "#CC79A7"  #: bound, approximation
SLIP = "#999999"  #: a wrong form
INK = "#7A7A7A"  #: a grey that reads on white and on near black (text, axes, exact truth)

_STYLE: dict[Any, Any] = {
    "figure.figsize": (6.4, 3.4),
    "figure.dpi": 100,
    "savefig.dpi": 144,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.transparent": True,
    "figure.constrained_layout.use": True,
    "axes.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": "medium",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=[DATA, MODEL, CRITIC, BOUND, "#E69F00", "#56B4E9"]),
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "grid.color": INK,
    "grid.alpha": 0.25,
    "lines.linewidth": 2.0,
    "font.size": 11,
    "image.cmap": "cividis",
    "svg.hashsalt": "lectures",
}


def use_style() -> None:
    """Switch this session to the book's matplotlib style (a chapter calls it in its second cell)."""
    mpl.rcParams.update(_STYLE)
    mpl.rcParams["figure.dpi"] = 144


@contextmanager
def style() -> Iterator[None]:
    """The book's matplotlib style inside the block only."""
    with mpl.rc_context(_STYLE):
        yield


def truth_line(axes: Axes, value: float, label: str = "", *, vertical: bool = False) -> None:
    """A thin dashed line at an exactly known value, labelled directly."""
    draw = axes.axvline if vertical else axes.axhline
    draw(value, color=INK, linewidth=1.0, linestyle="--", zorder=1)
    if not label:
        return
    if vertical:
        axes.annotate(label, (value, 1), xycoords=("data", "axes fraction"), xytext=(3, -2),
                      textcoords="offset points", va="top", fontsize="small")  # fmt: skip
    else:
        axes.annotate(label, (1, value), xycoords=("axes fraction", "data"), xytext=(-2, 3),
                      textcoords="offset points", ha="right", fontsize="small")  # fmt: skip


def label_line(axes: Axes, x: float, y: float, text: str, color: str, **offsets: float) -> None:
    """Write a label beside a curve, in the curve's colour: no legend to look up."""
    offset = (offsets.get("dx", 4.0), offsets.get("dy", 4.0))
    axes.annotate(text, (x, y), xytext=offset, textcoords="offset points", color=color, fontsize="small")


def show_images(images: ArrayLike, n_columns: int = 10, *, scale: float = 0.6, axes: Axes | None = None) -> Figure:
    """A sheet of grey images in [0, 1].

    Parameters
    ----------
    images : array_like, shape (n, height, width)
        Drawn in rows of ``n_columns``, the first at the top left; 0 is paper, 1 is ink.
    n_columns : int
        Images per row.
    scale : float
        Inches per image, where no axes are given.

    Raises
    ------
    ValueError
        If the array is not three-dimensional.
    """
    values = np.asarray(images, dtype=float)
    if values.ndim != 3:
        raise ValueError(f"images must have shape (n, height, width), found {values.shape}")
    n, height, width = values.shape
    n_rows = -(-n // n_columns)
    sheet = np.full((n_rows * (height + 1) + 1, n_columns * (width + 1) + 1), np.nan)
    for index, image in enumerate(values):
        row, column = divmod(index, n_columns)
        top, left = row * (height + 1) + 1, column * (width + 1) + 1
        sheet[top : top + height, left : left + width] = image
    if axes is None:
        _, axes = plt.subplots(figsize=(n_columns * scale, n_rows * scale * height / width))
    colours = mpl.colormaps["Greys"].with_extremes(bad=(0, 0, 0, 0))
    axes.imshow(np.ma.masked_invalid(sheet), cmap=colours, vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()
    return axes.figure  # type: ignore[return-value]
