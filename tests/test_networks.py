"""Shapes and refusals of the networks."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from lectures_pkg.networks import (
    BATCH_NORM,
    DCDiscriminator,
    DCGenerator,
    Maxout,
    conv_output_size,
    dcgan_init,
    mlp,
    transposed_conv_output_size,
)


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


def test_maxout_takes_the_largest_piece_of_each_unit():
    layer = Maxout(3, 4, 5)
    x = torch.randn(7, 3)
    pieces = np.einsum("ni,jki->njk", x.numpy(), layer.linear.weight.detach().numpy().reshape(4, 5, 3))
    pieces += layer.linear.bias.detach().numpy().reshape(4, 5)
    np.testing.assert_allclose(layer(x).detach().numpy(), pieces.max(axis=2), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"sizes must be positive, found \(3, 0, 5\)"):
        Maxout(3, 0, 5)


@pytest.mark.parametrize("sizes", [(3,), (), (3, 0, 1), (-1, 2)])
def test_refuses_what_is_no_network(sizes):
    with pytest.raises(ValueError, match=r"sizes must be two or more positive widths, found \("):
        mlp(sizes)


# sizes of convolutions


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize("kernel", range(1, 6))
def test_output_sizes_are_those_of_torch(size, kernel):
    for stride, padding in itertools.product((1, 2, 3), (0, 1, 2)):
        x = torch.zeros(1, 1, size, size)
        try:
            expected = nn.Conv2d(1, 1, kernel, stride, padding)(x).shape[-1]
        except RuntimeError:
            with pytest.raises(ValueError, match="does not fit"):
                conv_output_size(size, kernel, stride, padding)
        else:
            assert conv_output_size(size, kernel, stride, padding) == expected
        for extra in range(stride):
            try:
                expected = nn.ConvTranspose2d(1, 1, kernel, stride, padding, extra)(x).shape[-1]
            except RuntimeError:
                expected = 0
            if expected == 0:  # torch lets an empty image pass; we don't
                with pytest.raises(ValueError, match="cuts all of it off"):
                    transposed_conv_output_size(size, kernel, stride, padding, extra)
            else:
                assert transposed_conv_output_size(size, kernel, stride, padding, extra) == expected


@pytest.mark.parametrize("arguments", [(0, 3, 1, 0), (8, 0, 1, 0), (8, 3, 0, 0), (8, 3, 1, -1)])
@pytest.mark.parametrize("function", [conv_output_size, transposed_conv_output_size])
def test_output_sizes_refuse_impossible_layers(function, arguments):
    with pytest.raises(ValueError, match="must be positive and padding not negative, found"):
        function(*arguments)


def test_output_padding_is_less_than_the_stride():
    with pytest.raises(ValueError, match="output_padding must be from 0 to stride - 1 = 1, found 2"):
        transposed_conv_output_size(4, 4, 2, 1, 2)


# the DCGAN pair


@pytest.mark.parametrize("size", [8, 28])
@pytest.mark.parametrize("n_classes", [0, 10])
@pytest.mark.parametrize("batch_norm", ["inner", "none", "everywhere"])
def test_shapes_and_ranges_of_the_pair(size, n_classes, batch_norm):
    generator = DCGenerator(16, 4, size, n_classes, batch_norm=batch_norm)
    discriminator = DCDiscriminator(4, size, n_classes, batch_norm=batch_norm)
    y = torch.arange(6) if n_classes else None
    images = generator(torch.randn(6, 16), y)
    assert images.shape == (6, 1, size, size)
    assert images.abs().max() <= 1
    assert discriminator(images, y).shape == (6,)
    assert discriminator(images[:1], None if y is None else y[:1]).shape == (1,)


def test_the_pair_obeys_the_guidelines():
    generator, discriminator = DCGenerator(16), DCDiscriminator()
    assert [type(layer) for layer in generator.layers] == [
        nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU,
        nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU,
        nn.ConvTranspose2d, nn.Tanh,
    ]  # fmt: skip
    assert [type(layer) for layer in discriminator.layers] == [
        nn.Conv2d, nn.LeakyReLU,
        nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU,
        nn.Conv2d,
    ]  # fmt: skip
    assert {layer.negative_slope for layer in discriminator.layers if isinstance(layer, nn.LeakyReLU)} == {0.2}


def test_batch_norm_can_be_left_out_or_put_everywhere():
    def count(network):
        return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())

    pairs = {where: (DCGenerator(4, batch_norm=where), DCDiscriminator(batch_norm=where)) for where in BATCH_NORM}
    assert {where: tuple(map(count, pair)) for where, pair in pairs.items()} == {
        "inner": (2, 1),
        "none": (0, 0),
        "everywhere": (3, 2),
    }


def test_a_layer_before_batch_norm_has_no_bias_and_every_other_has():
    for where in BATCH_NORM:
        for network in (DCGenerator(4, batch_norm=where), DCDiscriminator(batch_norm=where)):
            layers = list(network.layers)
            for layer, after in itertools.pairwise([*layers, None]):
                if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and where == "inner":
                    assert (layer.bias is None) == isinstance(after, nn.BatchNorm2d)
                elif isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and where == "none":
                    assert layer.bias is not None


def test_logits_are_not_squashed():
    discriminator = DCDiscriminator(4)
    with torch.no_grad():
        discriminator.layers[-1].weight.zero_()
        for value in (50.0, -50.0):
            discriminator.layers[-1].bias.fill_(value)
            assert discriminator(torch.zeros(3, 1, 8, 8)).tolist() == [value] * 3


def test_labels_enter_as_one_hot_planes():
    # By hand: a plane of ones beside the image adds the summed kernel of that plane, border effects included.
    discriminator = DCDiscriminator(3, 8, 10).double()
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    planes = torch.zeros(2, 10, 8, 8, dtype=torch.float64)
    planes[0, 7], planes[1, 0] = 1.0, 1.0
    expected = discriminator.layers(torch.cat([x, planes], dim=1)).flatten()
    assert torch.equal(discriminator(x, torch.tensor([7, 0])), expected)

    generator = DCGenerator(5, 3, 8, 10).double()
    z = torch.randn(2, 5, dtype=torch.float64)
    code = torch.cat([z, planes[:, :, 0, 0]], dim=1)[:, :, None, None]
    assert torch.equal(generator(z, torch.tensor([7, 0])), generator.layers(code))


def test_another_label_makes_another_image():
    generator = DCGenerator(5, n_classes=10).eval()
    z = torch.randn(1, 5)
    images = [generator(z, torch.tensor([label])) for label in range(10)]
    assert all(not torch.equal(a, b) for a, b in itertools.combinations(images, 2))


def test_a_label_may_be_of_any_integer_type():
    generator = DCGenerator(5, n_classes=10).eval()
    z = torch.randn(2, 5)
    assert torch.equal(generator(z, torch.tensor([1, 2])), generator(z, torch.tensor([1, 2], dtype=torch.uint8)))


@pytest.mark.parametrize(
    ("n_classes", "y", "message"),
    [
        (0, torch.tensor([1, 2]), "labels were given to a network without classes"),
        (10, None, "needs labels y: it has 10 classes"),
        (10, torch.tensor([1]), r"y must be 2 integer labels, found torch.int64 of shape \(1,\)"),
        (10, torch.tensor([1.0, 2.0]), "y must be 2 integer labels, found torch.float32"),
        (10, torch.tensor([1, 10]), "labels must be from 0 to 9, found 1 to 10"),
        (10, torch.tensor([-1, 3]), "labels must be from 0 to 9, found -1 to 3"),
    ],
)
def test_the_pair_refuses_labels_that_do_not_fit(n_classes, y, message):
    with pytest.raises(ValueError, match=message):
        DCGenerator(4, n_classes=n_classes)(torch.zeros(2, 4), y)
    with pytest.raises(ValueError, match=message):
        DCDiscriminator(n_classes=n_classes)(torch.zeros(2, 1, 8, 8), y)


def test_the_pair_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"z must have shape \(batch, 4\), found \(2, 5\)"):
        DCGenerator(4)(torch.zeros(2, 5))
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 1, 8, 8\), found \(2, 8, 8\)"):
        DCDiscriminator()(torch.zeros(2, 8, 8))
    for size in (4, 30):
        with pytest.raises(ValueError, match=f"size must be a multiple of 4, at least 8, found {size}"):
            DCDiscriminator(size=size)
    with pytest.raises(ValueError, match="batch_norm must be one of inner, none, everywhere, found 'all'"):
        DCGenerator(4, batch_norm="all")
    with pytest.raises(ValueError, match="channels must be positive and n_classes not negative, found 0 and 0"):
        DCGenerator(4, 0)
    with pytest.raises(ValueError, match="latent_dim must be positive, found 0"):
        DCGenerator(0)


def test_initial_weights():
    generator = DCGenerator(200, 64, batch_norm="everywhere")
    for module in generator.modules():
        if isinstance(module, nn.ConvTranspose2d):
            weights = module.weight.detach().flatten()
            assert abs(weights.mean()) < 5 * 0.02 / len(weights) ** 0.5
            assert weights.std().item() == pytest.approx(0.02, rel=5 / (2 * len(weights)) ** 0.5)
            assert module.bias is None or not module.bias.any()
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight - 1).abs().max() < 0.12 and not module.bias.any()
    own = DCGenerator(200, 64, init_std=None).layers[3].weight
    assert own.abs().max() <= 1 / (64 * 16) ** 0.5 + 1e-6  # PyTorch's: uniform, bound 1 / sqrt(fan-in)
    with pytest.raises(ValueError, match="std must be positive, found 0"):
        dcgan_init(generator, 0)
