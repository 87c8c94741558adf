"""FrameSlider: what a reader, a screen reader and a phone get."""

import base64
import json
import re

import matplotlib.pyplot as plt
import pytest

from lectures_pkg.frames import FrameSlider, encode, render_frames


def draw(figure, index):
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, index])
    axes.set_ylim(0, 3)


def slider(**options):
    frames = render_frames(draw, 3, size=(2, 1))
    return FrameSlider(frames, ["round 0", "round <1>", "round 2"], ["flat", "rising & so on", "steep"], **options)


def data_of(html):
    text = re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL).group(1)
    return json.loads(text)


def test_the_page_holds_every_frame_label_and_text():
    made = slider()
    data = data_of(made._repr_html_())
    assert data["labels"] == made.labels
    assert data["alts"] == made.alts
    assert [base64.b64decode(uri.split(",")[1]) for uri in data["frames"]] == made.frames


def test_it_needs_no_other_host():
    html = slider()._repr_html_()
    assert "http" not in html.replace("data:image", "")


def test_it_can_be_operated_and_heard():
    html = slider(name="round")._repr_html_()
    assert 'type="range"' in html and 'aria-label="round"' in html and 'aria-valuetext="round 0"' in html
    assert 'alt="flat"' in html and 'aria-label="Play"' in html


def test_text_is_escaped():
    html = slider(start=1)._repr_html_()
    assert "<output>round &lt;1&gt;</output>" in html and 'alt="rising &amp; so on"' in html


def test_a_script_tag_in_a_label_cannot_end_the_data():
    frames = render_frames(draw, 1, size=(2, 1))
    html = FrameSlider(frames, ["</script><b>"], ["x"])._repr_html_()
    assert data_of(html)["labels"] == ["</script><b>"]


def test_equal_content_has_an_equal_id_and_other_content_another():
    identity = re.compile(r'id="(fs-[0-9a-f]{10})"')
    first, again = (identity.search(slider()._repr_html_()).group(1) for _ in range(2))
    other = FrameSlider(slider().frames, ["a", "b", "c"], ["flat", "rising", "steep"])
    assert first == again != identity.search(other._repr_html_()).group(1)


@pytest.mark.parametrize("format", ["webp", "png", "svg"])
def test_frames_are_the_same_each_time_they_are_drawn(format):
    assert render_frames(draw, 2, size=(2, 1), format=format) == render_frames(draw, 2, size=(2, 1), format=format)


def test_drawing_leaves_no_figure_open_and_no_style_behind():
    before = dict(plt.rcParams)
    render_frames(draw, 2, size=(2, 1))
    assert not plt.get_fignums()
    assert dict(plt.rcParams) == before


def test_encode_writes_the_format_it_says():
    figure = plt.figure(figsize=(1, 1))
    assert encode(figure, "webp")[8:12] == b"WEBP"
    assert encode(figure, "png").startswith(b"\x89PNG")
    plt.close(figure)


@pytest.mark.parametrize(
    ("frames", "labels", "alts", "options", "sentence"),
    [
        ([], [], [], {}, "found 0 frames, 0 labels and 0 texts"),
        ([b""], ["a", "b"], ["x"], {}, "found 1 frames, 2 labels and 1 texts"),
        ([b""], ["a"], [], {}, "found 1 frames, 1 labels and 0 texts"),
        ([b""], ["a"], ["x"], {"start": 1}, "start must be a frame from 0 to 0, found 1"),
    ],
)
def test_a_frame_without_words_is_refused(frames, labels, alts, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        FrameSlider(frames, labels, alts, **options)
