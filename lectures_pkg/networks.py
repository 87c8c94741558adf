"""Networks: layers and shapes, no losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

#: Where the DCGAN pair has batch norm: all layers but G's output and D's input, no layer, every layer.
BATCH_NORM = ("inner", "none", "everywhere")


def mlp(sizes: Sequence[int], activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    """A multilayer perceptron; the last layer is linear, so that discriminators return logits.

    Parameters
    ----------
    sizes : sequence of int
        Widths from input to output: ``(2, 32, 32, 1)`` has two hidden layers of 32 units.
    activation : callable
        Makes the activation after each hidden layer, ``nn.ReLU`` or ``lambda: nn.LeakyReLU(0.2)``.

    Raises
    ------
    ValueError
        If there are fewer than two sizes, or one is not positive.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes must be two or more positive widths, found {tuple(sizes)}")
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), activation()]
    return nn.Sequential(*layers[:-1])


class Maxout(nn.Module):
    r"""A linear layer whose units are each the largest of several linear functions.

    .. math:: h_j(x) = \max_{k \le K} \; (w_{jk} \cdot x + b_{jk})

    Parameters
    ----------
    n_inputs, n_outputs, n_pieces : int
        Dimension of x, number of units, and K, the linear pieces of each unit.

    Raises
    ------
    ValueError
        If one of them is not positive.

    References
    ----------
    Goodfellow et al. (2013), Maxout networks, section 3.
    """

    def __init__(self, n_inputs: int, n_outputs: int, n_pieces: int) -> None:
        super().__init__()
        if min(n_inputs, n_outputs, n_pieces) < 1:
            raise ValueError(f"sizes must be positive, found {(n_inputs, n_outputs, n_pieces)}")
        self.n_pieces = n_pieces
        self.linear = nn.Linear(n_inputs, n_outputs * n_pieces)

    def forward(self, x: Tensor) -> Tensor:
        """Units of each row of x, shape (batch, n_outputs)."""
        return self.linear(x).unflatten(1, (-1, self.n_pieces)).amax(dim=2)


def conv_output_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    r"""Side of a convolution's output, :math:`\lfloor (H + 2p - k)/s \rfloor + 1`.

    Parameters
    ----------
    size, kernel, stride : int
        Side of the input, side of the kernel, step of the kernel: all positive.
    padding : int
        Zeros added on *each* side of the input.

    Raises
    ------
    ValueError
        If a number is out of range, or the kernel is larger than the padded input.

    References
    ----------
    Dumoulin & Visin (2016), A guide to convolution arithmetic, relationship 6.
    In the book: equation ``conv-size``.
    """
    _refuse_bad_layer(size, kernel, stride, padding)
    if kernel > size + 2 * padding:
        raise ValueError(f"a kernel of {kernel} does not fit into {size} pixels with padding {padding} on each side")
    return (size + 2 * padding - kernel) // stride + 1


def transposed_conv_output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0
) -> int:
    r"""Side of a transposed convolution's output, :math:`(H - 1)s - 2p + k + p_\mathrm{out}`.

    Parameters
    ----------
    size, kernel, stride : int
        Side of the input, side of the kernel, pixels between the kernel's copies in the output.
    padding : int
        Pixels cut off on each side of the output.
    output_padding : int
        Pixels added at one side, less than the stride: which of the inputs that a strided convolution
        sends to the same size is meant.

    Raises
    ------
    ValueError
        If a number is out of range, or nothing is left of the output.

    References
    ----------
    Dumoulin & Visin (2016), A guide to convolution arithmetic, relationship 14.
    In the book: equation ``transposed-conv-size``.
    """
    _refuse_bad_layer(size, kernel, stride, padding)
    if not 0 <= output_padding < stride:
        raise ValueError(f"output_padding must be from 0 to stride - 1 = {stride - 1}, found {output_padding}")
    output = (size - 1) * stride - 2 * padding + kernel + output_padding
    if output < 1:
        raise ValueError(f"the output would have {output} pixels a side: padding {padding} cuts all of it off")
    return output


class DCGenerator(nn.Module):
    """Noise to images in [-1, 1] by three transposed convolutions: 1 pixel, size/4, size/2, size.

    Batch norm and ReLU after each layer but the last, which has a bias and tanh instead.

    Parameters
    ----------
    latent_dim : int
        Length of the noise vector.
    channels : int
        Channels before the last layer; the first layer has twice as many.
    size : int
        Side of the images, a multiple of 4: 8 for the bundled digits, 28 for MNIST.
    n_classes : int
        0 for a generator without labels; otherwise each label enters as a one-hot vector beside the noise.
    batch_norm : {"inner", "none", "everywhere"}
        ``"inner"`` is the guideline; the others leave batch norm out, or put it at the output too.
    init_std : float or None
        Standard deviation of the initial weights, see `dcgan_init`; None keeps PyTorch's own.

    References
    ----------
    Radford, Metz & Chintala (2016), section 3 and figure 1. In the book: chapter ``dcgan``.
    """

    def __init__(
        self,
        latent_dim: int,
        channels: int = 32,
        size: int = 8,
        n_classes: int = 0,
        *,
        batch_norm: str = "inner",
        init_std: float | None = 0.02,
    ) -> None:
        super().__init__()
        _refuse_bad_pair(size, channels, n_classes, batch_norm)
        if latent_dim < 1:
            raise ValueError(f"latent_dim must be positive, found {latent_dim}")
        self.latent_dim, self.size, self.n_classes = latent_dim, size, n_classes
        inner, outer = batch_norm != "none", batch_norm == "everywhere"
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(latent_dim + n_classes, 2 * channels, size // 4, bias=not inner),  # 1 -> size/4
            *_norm(2 * channels, inner),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * channels, channels, 4, stride=2, padding=1, bias=not inner),  # -> size/2
            *_norm(channels, inner),
            nn.ReLU(),
            nn.ConvTranspose2d(channels, 1, 4, stride=2, padding=1),  # -> size
            *_norm(1, outer),
            nn.Tanh(),
        )
        dcgan_init(self, init_std)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Images of shape (batch, 1, size, size) in [-1, 1].

        Parameters
        ----------
        z : Tensor, shape (batch, latent_dim)
            Noise.
        y : LongTensor, shape (batch,), optional
            Labels from 0 to n_classes - 1; needed if the generator has classes, refused if it has none.

        Raises
        ------
        ValueError
            If a shape does not fit, or labels are missing, superfluous or out of range.
        """
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(f"z must have shape (batch, {self.latent_dim}), found {tuple(z.shape)}")
        code = _with_label(z[:, :, None, None], y, self.n_classes)  # (batch, latent_dim + n_classes, 1, 1)
        return self.layers(code)


class DCDiscriminator(nn.Module):
    """Images to one logit each by three convolutions, the mirror image of `DCGenerator`.

    LeakyReLU of slope 0.2 after each layer but the last; batch norm in the middle layer only.

    Parameters
    ----------
    channels : int
        Channels of the first layer; the second has twice as many.
    size : int
        Side of the images, a multiple of 4.
    n_classes : int
        0 for a discriminator without labels; otherwise each label enters as n_classes planes beside the
        image, all ones in the plane of the label and zeros in the others.
    batch_norm : {"inner", "none", "everywhere"}
        ``"inner"`` is the guideline; ``"everywhere"`` normalises the input image (its planes too) as well.
    init_std : float or None
        As for `DCGenerator`.

    References
    ----------
    Radford, Metz & Chintala (2016), section 3; Mirza & Osindero (2014) for the labels.
    In the book: chapter ``dcgan``.
    """

    def __init__(
        self,
        channels: int = 32,
        size: int = 8,
        n_classes: int = 0,
        *,
        batch_norm: str = "inner",
        init_std: float | None = 0.02,
    ) -> None:
        super().__init__()
        _refuse_bad_pair(size, channels, n_classes, batch_norm)
        self.size, self.n_classes = size, n_classes
        inner, outer = batch_norm != "none", batch_norm == "everywhere"
        self.layers = nn.Sequential(
            *_norm(1 + n_classes, outer),
            nn.Conv2d(1 + n_classes, channels, 4, stride=2, padding=1),  # size -> size/2
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1, bias=not inner),  # -> size/4
            *_norm(2 * channels, inner),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * channels, 1, size // 4),  # -> 1: the logit, not squashed
        )
        dcgan_init(self, init_std)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Logits of shape (batch,).

        Parameters
        ----------
        x : Tensor, shape (batch, 1, size, size)
            Images in [-1, 1].
        y : LongTensor, shape (batch,), optional
            Labels, as for the generator.

        Raises
        ------
        ValueError
            If a shape does not fit, or labels are missing, superfluous or out of range.
        """
        if x.ndim != 4 or x.shape[1:] != (1, self.size, self.size):
            raise ValueError(f"x must have shape (batch, 1, {self.size}, {self.size}), found {tuple(x.shape)}")
        return self.layers(_with_label(x, y, self.n_classes)).flatten()


def dcgan_init(network: nn.Module, std: float | None = 0.02) -> None:
    """Draw the weights of (transposed) convolutions from N(0, std²) and the scales of batch norm from N(1, std²).

    Biases and batch norm's shifts start at zero. Draws from torch's global generator; None does nothing.

    References
    ----------
    Radford, Metz & Chintala (2016), section 4.
    """
    if std is None:
        return
    if not std > 0:
        raise ValueError(f"std must be positive, found {std}")
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, std)
            nn.init.zeros_(module.bias)


def _norm(channels: int, wanted: bool) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels)] if wanted else []


def _with_label(maps: Tensor, y: Tensor | None, n_classes: int) -> Tensor:
    """Append the label's one-hot planes to maps of shape (batch, channels, height, width)."""
    if n_classes == 0:
        if y is not None:
            raise ValueError("labels were given to a network without classes: build it with n_classes")
        return maps
    if y is None:
        raise ValueError(f"this network needs labels y: it has {n_classes} classes")
    if y.shape != maps.shape[:1] or y.is_floating_point():
        raise ValueError(f"y must be {len(maps)} integer labels, found {y.dtype} of shape {tuple(y.shape)}")
    if len(y) and not 0 <= int(y.min()) <= int(y.max()) < n_classes:
        raise ValueError(f"labels must be from 0 to {n_classes - 1}, found {int(y.min())} to {int(y.max())}")
    planes = one_hot(y.long(), n_classes).to(maps.dtype)[:, :, None, None]
    return torch.cat([maps, planes.expand(-1, -1, *maps.shape[2:])], dim=1)


def _refuse_bad_layer(size: int, kernel: int, stride: int, padding: int) -> None:
    if min(size, kernel, stride) < 1 or padding < 0:
        raise ValueError(
            f"size, kernel and stride must be positive and padding not negative, "
            f"found {size}, {kernel}, {stride} and {padding}"
        )


def _refuse_bad_pair(size: int, channels: int, n_classes: int, batch_norm: str) -> None:
    if size < 8 or size % 4:
        raise ValueError(f"size must be a multiple of 4, at least 8, found {size}")
    if channels < 1 or n_classes < 0:
        raise ValueError(f"channels must be positive and n_classes not negative, found {channels} and {n_classes}")
    if batch_norm not in BATCH_NORM:
        raise ValueError(f"batch_norm must be one of {', '.join(BATCH_NORM)}, found {batch_norm!r}")
