"""Walks in latent space: by hand, against SciPy's rotations, and at the edges of the formula."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from lectures_pkg.latent import attribute_direction, lerp, slerp


def test_lerp_by_hand():
    assert lerp([0.0, 4.0], [2.0, 0.0], 0.25).tolist() == [0.5, 3.0]


@pytest.mark.parametrize("walk", [lerp, slerp])
def test_a_walk_begins_at_its_start(walk):
    start, end = np.random.default_rng(0).normal(size=(2, 5, 3))
    assert walk(start, end, 0) == pytest.approx(start, abs=0)
    assert walk(start, end, 1) == pytest.approx(end, abs=0)


def test_slerp_by_hand():
    # A quarter turn: one third of the way is 30 degrees.
    assert slerp([1.0, 0.0], [0.0, 1.0], 1 / 3) == pytest.approx([np.sqrt(3) / 2, 0.5])


def test_slerp_is_scipy_s_on_the_unit_sphere_of_quaternions():
    rng = np.random.default_rng(1)
    pair = Rotation.random(2, rng=rng)
    start, end = pair.as_quat()
    end = end if start @ end > 0 else -end  # one rotation is two quaternions: SciPy goes the shorter way
    for share in (0.1, 0.5, 0.8):
        found, expected = slerp(start, end, share), Slerp([0, 1], pair)(share).as_quat()
        assert found * np.sign(found @ expected) == pytest.approx(expected)


def test_slerp_turns_each_row_by_its_own_angle_at_constant_speed():
    rng = np.random.default_rng(2)
    start, end = rng.normal(size=(2, 7, 5))
    start, end = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (start, end))
    angle = np.arccos(np.sum(start * end, axis=1))
    for share in (0.2, 0.7):
        assert np.arccos(np.sum(start * slerp(start, end, share), axis=1)) == pytest.approx(share * angle)
        assert slerp(start, end, share)[3] == pytest.approx(slerp(start[3], end[3], share))


def test_slerp_of_one_direction_is_the_straight_line():
    z = np.array([0.3, -1.2, 2.0])
    assert slerp(z, z, 0.4) == pytest.approx(z)
    assert slerp(z, 3 * z, 0.25) == pytest.approx(1.5 * z)
    near = z + 1e-9
    assert slerp(z, near, 0.5) == pytest.approx((z + near) / 2)


def test_slerp_refuses_opposite_and_zero_codes():
    with pytest.raises(ValueError, match="two opposite codes are joined by every half circle"):
        slerp([1.0, 2.0], [-2.0, -4.0], 0.5)
    with pytest.raises(ValueError, match="a code of norm zero has no direction"):
        slerp([0.0, 0.0], [1.0, 0.0], 0.5)


@pytest.mark.parametrize("walk", [lerp, slerp])
def test_walks_refuse_what_does_not_fit(walk):
    with pytest.raises(ValueError, match=r"start and end must have one shape \(..., dim\), found \(2,\) and \(3,\)"):
        walk([1.0, 0.0], [1.0, 0.0, 0.0], 0.5)
    with pytest.raises(ValueError, match=r"share must be from 0 to 1, found 1\.5"):
        walk([1.0, 0.0], [0.0, 1.0], 1.5)


def test_attribute_direction_by_hand():
    codes = [[1.0, 0.0], [3.0, 2.0], [0.0, 5.0]]
    assert attribute_direction(codes, [True, True, False]).tolist() == [2.0, -4.0]


def test_attribute_direction_refuses_empty_groups_and_other_shapes():
    with pytest.raises(ValueError, match="both groups need a code, found 2 with the attribute of 2"):
        attribute_direction(np.zeros((2, 3)), [True, True])
    with pytest.raises(ValueError, match="both groups need a code, found 0 with the attribute of 2"):
        attribute_direction(np.zeros((2, 3)), [False, False])
    with pytest.raises(ValueError, match=r"need n true-or-false values, found \(2, 3\) and int64 \(2,\)"):
        attribute_direction(np.zeros((2, 3)), np.array([0, 1], dtype=np.int64))
    with pytest.raises(ValueError, match=r"found \(2, 3\) and bool \(3,\)"):
        attribute_direction(np.zeros((2, 3)), [True, False, True])
