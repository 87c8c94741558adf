"""The book's figures: readable in both modes, and they change nothing outside their block."""

import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from lectures_pkg import plotting

LIGHT, DARK = "#ffffff", "#14181e"  #: the theme's two page colours


def luminance(color):
    channels = np.array(mpl.colors.to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(first, second):
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("page", [LIGHT, DARK])
def test_text_reads_on_both_pages(page):
    assert contrast(plotting.INK, page) > 4


@pytest.mark.parametrize("page", [LIGHT, DARK])
@pytest.mark.parametrize("color", [plotting.DATA, plotting.MODEL, plotting.CRITIC, plotting.BOUND, plotting.SLIP])
def test_lines_stand_out_on_both_pages(color, page):
    assert contrast(color, page) > 2.5


def simulate(color, deficiency):
    """Machado, Oliveira & Fernandes (2009), full severity, on linear RGB."""
    matrices = {
        "protanopia": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        "deuteranopia": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
    }
    channels = np.array(mpl.colors.to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return np.array(matrices[deficiency]) @ linear


@pytest.mark.parametrize("deficiency", ["protanopia", "deuteranopia"])
def test_colours_stay_apart_for_colour_blind_readers(deficiency):
    colours = [plotting.DATA, plotting.MODEL, plotting.CRITIC, plotting.BOUND]
    for first, second in itertools.combinations(colours, 2):
        assert np.linalg.norm(simulate(first, deficiency) - simulate(second, deficiency)) > 0.1


def test_the_style_ends_with_its_block():
    before = dict(mpl.rcParams)
    with plotting.style():
        assert mpl.rcParams["axes.edgecolor"] == plotting.INK
    assert dict(mpl.rcParams) == before


def test_images_are_drawn_where_they_belong():
    figure = plotting.show_images(np.stack([np.zeros((2, 2)), np.ones((2, 2)), np.eye(2)]), n_columns=2)
    sheet = figure.axes[0].images[0].get_array()
    assert sheet.shape == (7, 7)
    assert sheet[1:3, 1:3].sum() == 0 and sheet[1:3, 4:6].sum() == 4
    assert sheet[4, 1] == 1 and sheet[4, 2] == 0
    assert sheet.mask[0].all() and sheet.mask[4:6, 4:6].all()
    plt.close(figure)


def test_a_sheet_needs_images():
    with pytest.raises(ValueError, match=r"images must have shape \(n, height, width\), found \(3, 4\)"):
        plotting.show_images(np.zeros((3, 4)))


def test_a_truth_line_stands_at_its_value_with_its_label():
    figure, axes = plt.subplots()
    plotting.truth_line(axes, 2.5, "entropy")
    plotting.truth_line(axes, 1.5, vertical=True)
    assert list(axes.lines[0].get_ydata()) == [2.5, 2.5]
    assert list(axes.lines[1].get_xdata()) == [1.5, 1.5]
    assert [text.get_text() for text in axes.texts] == ["entropy"]
    plt.close(figure)
