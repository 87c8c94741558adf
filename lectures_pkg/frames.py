"""Figures that move without a kernel: a slider over frames that were drawn beforehand.

The output is plain HTML, inline images and a few lines of JavaScript. It works in the built book
(also opened from disk), in Colab and in Jupyter, and asks nothing of another host.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
from collections.abc import Callable, Sequence
from typing import Literal

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lectures_pkg import plotting

Format = Literal["webp", "svg", "png"]

_SAVE_OPTIONS: dict[str, dict] = {
    "webp": {"pil_kwargs": {"quality": 82, "method": 4}},
    "png": {"metadata": {"Software": None}, "pil_kwargs": {"optimize": True}},
    "svg": {"metadata": {"Date": None}},
}
_MIME = {"webp": "image/webp", "png": "image/png", "svg": "image/svg+xml"}

_SCRIPT = """
(function () {
  var root = document.getElementById(%(id)s);
  if (!root || root.dataset.ready) return;
  root.dataset.ready = "1";
  var image = root.querySelector("img"), range = root.querySelector("input"),
      text = root.querySelector("output"), button = root.querySelector("button"),
      data = JSON.parse(root.querySelector("script[type='application/json']").textContent), timer = null;
  function show(k) {
    image.src = data.frames[k]; image.alt = data.alts[k];
    text.textContent = data.labels[k]; range.setAttribute("aria-valuetext", data.labels[k]);
  }
  function stop() {
    clearInterval(timer); timer = null;
    button.textContent = "\\u25b6"; button.setAttribute("aria-label", "Play");
  }
  function next() {
    var k = +range.value + 1;
    if (k > +range.max) { stop(); return; }
    range.value = k; show(k);
  }
  range.addEventListener("input", function () { stop(); show(+range.value); });
  button.addEventListener("click", function () {
    if (timer) { stop(); return; }
    if (+range.value === +range.max) { range.value = 0; show(0); }
    button.textContent = "\\u23f8"; button.setAttribute("aria-label", "Pause");
    timer = setInterval(next, %(interval)d);
  });
})();"""

_CSS = (
    ".frame-slider{margin:1em 0}.frame-slider .bar{display:flex;align-items:center;gap:.6em;flex-wrap:wrap}"
    ".frame-slider button{font-size:1em;line-height:1;padding:.35em .6em;border:1px solid currentColor;"
    "border-radius:.4em;background:transparent;color:inherit;cursor:pointer}"
    ".frame-slider input{flex:1 1 10em;min-width:8em;accent-color:#0072B2}"
    ".frame-slider output{min-width:7em;font-variant-numeric:tabular-nums}"
    ".frame-slider img{display:block;max-width:100%;height:auto;margin:.4em 0 0;background:transparent}"
)


class FrameSlider:
    """A slider, with a play button, over pre-rendered frames.

    Parameters
    ----------
    frames : sequence of bytes
        One encoded image each, all of the same size; `render_frames` draws them.
    labels : sequence of str
        What the slider says at each frame ("round 300").
    alts : sequence of str
        What each frame shows, for readers who can't see it: the message, not the picture.
    name : str
        Name of what the slider moves.
    format : {"webp", "svg", "png"}
        Encoding of the frames.
    interval : int
        Milliseconds per frame while it plays; it stops at the last frame.
    start : int
        Frame shown at first.

    Raises
    ------
    ValueError
        If there are no frames, labels or alternative texts are missing, or ``start`` is no frame.
    """

    def __init__(
        self,
        frames: Sequence[bytes],
        labels: Sequence[object],
        alts: Sequence[str],
        *,
        name: str = "step",
        format: Format = "webp",
        interval: int = 350,
        start: int = 0,
    ) -> None:
        if not len(frames) == len(labels) == len(alts) or not frames:
            raise ValueError(
                f"each frame needs a label and an alternative text: found {len(frames)} frames, "
                f"{len(labels)} labels and {len(alts)} texts"
            )
        if not 0 <= start < len(frames):
            raise ValueError(f"start must be a frame from 0 to {len(frames) - 1}, found {start}")
        self.frames, self.labels, self.alts = list(frames), [str(label) for label in labels], list(alts)
        self.name, self.format, self.interval, self.start = name, format, interval, start

    @property
    def n_bytes(self) -> int:
        """Size of the HTML, for the page's budget of 1.5 MB."""
        return len(self._repr_html_().encode())

    def _repr_html_(self) -> str:
        uris = [f"data:{_MIME[self.format]};base64,{base64.b64encode(frame).decode()}" for frame in self.frames]
        identity = "fs-" + hashlib.sha256("".join([*uris, *self.labels]).encode()).hexdigest()[:10]
        data = json.dumps({"frames": uris, "labels": self.labels, "alts": self.alts}).replace("</", "<\\/")
        script = _SCRIPT % {"id": json.dumps(identity), "interval": self.interval}
        label, alt = html.escape(self.labels[self.start]), html.escape(self.alts[self.start])
        return (
            f'<div id="{identity}" class="frame-slider"><style>{_CSS}</style><div class="bar">'
            f'<button type="button" aria-label="Play">\u25b6</button>'
            f'<input type="range" min="0" max="{len(uris) - 1}" value="{self.start}" step="1" '
            f'aria-label="{html.escape(self.name)}" aria-valuetext="{label}"><output>{label}</output></div>'
            f'<img src="{uris[self.start]}" alt="{alt}">'
            f'<script type="application/json">{data}</script><script>{script}</script></div>'
        )

    def __repr__(self) -> str:
        return f"FrameSlider({len(self.frames)} frames, {self.labels[0]} to {self.labels[-1]})"


def encode(figure: Figure, format: Format = "webp", dpi: int = 110) -> bytes:
    """A figure as image bytes, without dates or versions, so that equal figures have equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=format, dpi=dpi, **_SAVE_OPTIONS[format])
    return buffer.getvalue()


def render_frames(
    draw: Callable[[Figure, int], None],
    n_frames: int,
    *,
    size: tuple[float, float] = (6.4, 3.4),
    format: Format = "webp",
    dpi: int = 110,
) -> list[bytes]:
    """Draw frames one by one in the book's style: ``draw(figure, index)`` fills an empty figure.

    Parameters
    ----------
    draw : callable
        Draws frame ``index`` on the given figure; fix the axes' limits, or the frames will jump.
    n_frames : int
        Number of frames.
    size : tuple of float
        Width and height in inches, the same for each frame.
    """
    frames = []
    with plotting.style():
        for index in range(n_frames):
            figure = plt.figure(figsize=size)
            try:
                draw(figure, index)
                frames.append(encode(figure, format, dpi))
            finally:
                plt.close(figure)
    return frames
