"""Shapes and refusals of the networks."""

import pytest
import torch
from torch import nn

from lectures_pkg.networks import mlp


def test_layers_of_an_mlp():
    network = mlp((4, 32, 16, 2), lambda: nn.LeakyReLU(0.2))
    kinds = [type(layer) for layer in network]
    assert kinds == [nn.Linear, nn.LeakyReLU, nn.Linear, nn.LeakyReLU, nn.Linear]
    assert [tuple(layer.weight.shape) for layer in network if isinstance(layer, nn.Linear)] == [
        (32, 4),
        (16, 32),
        (2, 16),
    ]
    assert network[1].negative_slope == 0.2


def test_two_sizes_make_a_linear_map():
    network = mlp((3, 2))
    assert len(network) == 1
    x = torch.randn(5, 3)
    assert torch.allclose(network(x), x @ network[0].weight.T + network[0].bias)


def test_the_output_is_not_squashed():
    network = mlp((1, 8, 1))
    with torch.no_grad():
        network[-1].bias.fill_(50.0)
        network[-1].weight.zero_()
        assert network(torch.zeros(3, 1)).tolist() == [[50.0]] * 3


def test_each_activation_is_a_layer_of_its_own():
    network = mlp((1, 4, 4, 1), nn.PReLU)
    assert network[1] is not network[3]


@pytest.mark.parametrize("sizes", [(3,), (), (3, 0, 1), (-1, 2)])
def test_refuses_what_is_no_network(sizes):
    with pytest.raises(ValueError, match=r"sizes must be two or more positive widths, found \("):
        mlp(sizes)
