"""Exercises of the chapter on DCGAN."""

# Solutions are shown to readers as they would write them, without types.
# mypy: disallow-untyped-defs=False

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy import stats
from scipy.signal import correlate2d

from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_number, close

# a shape calculator ---------------------------------------------------------------------------------------------


def layer_sizes(layers):
    sizes = []
    for kind, size, kernel, stride, padding in layers:
        if kind == "conv":
            room = size + 2 * padding - kernel  # how far the kernel can move
            sizes.append(room // stride + 1 if room >= 0 else 0)
        else:
            sizes.append(max((size - 1) * stride - 2 * padding + kernel, 0))
    return sizes


def _layer_sizes_inputs(rng: np.random.Generator) -> list[tuple]:
    grid = list(itertools.product((3, 5, 7, 8, 9, 28), (1, 2, 3, 4, 5, 7), (1, 2, 3), (0, 1, 2)))
    cases = []
    for kind in ("conv", "transposed"):
        chosen = rng.choice(len(grid), 24, replace=False)
        cases += [(kind, *grid[index]) for index in chosen]
    cases += [
        ("conv", 9, 4, 2, 1),
        ("conv", 8, 4, 2, 1),
        ("conv", 3, 5, 1, 0),
        ("conv", 3, 7, 2, 2),
        ("conv", 7, 2, 3, 2),
    ]
    cases += [("transposed", 4, 4, 2, 1), ("transposed", 1, 7, 1, 0), ("transposed", 1, 2, 1, 1)]
    cases += [("transposed", 3, 3, 2, 1), ("transposed", 5, 3, 3, 0)]
    return [([cases[index] for index in rng.permutation(len(cases))],)]


def _counted_size(kind: str, size: int, kernel: int, stride: int, padding: int) -> int:
    """By putting the kernel down, one place after the other."""
    if kind == "conv":
        padded = size + 2 * padding
        return len([start for start in range(0, padded, stride) if start + kernel <= padded])
    touched = {j * stride + tap for j in range(size) for tap in range(kernel)}
    line = range(max(touched) + 1)
    return len([i for i in line if padding <= i < len(line) - padding])


def _check_layer_sizes(answer: object, layers: list[tuple]) -> None:
    found = as_array(answer, (len(layers),))
    wrong = []
    for value, layer in zip(found, layers, strict=True):
        kind, size, kernel, stride, padding = layer
        if value == _counted_size(*layer):
            continue
        if _counted_size(*layer) == 0:
            wrong.append("nothing")
        elif kind == "conv" and value != math.floor(value):
            wrong.append("fraction")
        elif kind == "conv" and value == (size + padding - kernel) // stride + 1:
            wrong.append("once")
        elif kind == "conv" and value == -(-(size + 2 * padding - kernel) // stride) + 1:
            wrong.append("up")
        elif kind == "transposed" and value == size * stride:
            wrong.append("stride")
        else:
            wrong.append(
                f"{kind} of {size} pixels, kernel {kernel}, stride {stride}, padding {padding}: found {value:g}"
            )
    hints = {
        "fraction": "a size is a whole number: the kernel makes no half step, so round down",
        "once": "padding is added on both sides, so it counts twice",
        "up": "the last step that does not fit is not made: round down, not up",
        "stride": "a transposed convolution gives stride times size only for some kernels: stamps overlap",
        "nothing": "some layers leave nothing, as the kernel does not fit or padding cuts all away: answer 0 there",
    }
    for name, hint in hints.items():
        if name in wrong:
            raise Wrong(hint)
    if wrong:
        raise Wrong(f"not right for the {wrong[0]}")


# a convolution as a matrix ----------------------------------------------------------------------------------------


def _conv_matrix_inputs(rng: np.random.Generator) -> list[tuple]:
    return [
        (rng.normal(size=(3, 3)), 6, 1, 0),
        (rng.normal(size=(4, 4)), 6, 2, 1),
        (rng.normal(size=(3, 3)), 5, 2, 1),
        (rng.normal(size=(2, 2)), 5, 3, 0),
    ]


def _correlate(image: np.ndarray, kernel: np.ndarray, stride: int, padding: int) -> np.ndarray:
    return correlate2d(np.pad(image, padding), kernel, mode="valid")[::stride, ::stride]


def _check_conv_matrix(answer: object, kernel: np.ndarray, size: int, stride: int, padding: int) -> None:
    rng = np.random.default_rng(0)
    n_out = (size + 2 * padding - len(kernel)) // stride + 1
    if isinstance(answer, np.ndarray) and answer.shape == (size**2, n_out**2) and n_out != size:
        raise Wrong("this is the matrix of the transposed convolution: rows belong to the outputs of the convolution")
    found = as_array(answer, (n_out**2, size**2))
    image = rng.normal(size=(size, size))
    expected = _correlate(image, kernel, stride, padding)
    if close(found @ image.ravel(), expected.ravel(), absolute=1e-9):
        return
    if close(found @ image.ravel(), _correlate(image, kernel[::-1, ::-1], stride, padding).ravel(), absolute=1e-9):
        raise Wrong("the kernel is flipped: that is the mathematicians' convolution; networks slide it as it is")
    if close(found @ image.ravel(order="F"), expected.ravel(order="F"), absolute=1e-9):
        raise Wrong("pixels are numbered row by row, as ravel() does, not column by column")
    if padding and close(found @ image.ravel(), _shifted(image, kernel, stride, padding, n_out).ravel(), absolute=1e-9):
        raise Wrong("the kernel starts `padding` pixels outside the image, at -padding: yours starts at 0")
    raise Wrong("a row should hold the kernel's numbers at the pixels under the kernel, and zeros elsewhere")


def _shifted(image: np.ndarray, kernel: np.ndarray, stride: int, padding: int, n_out: int) -> np.ndarray:
    """As if the first place of the kernel were inside the image: all padding at the far end."""
    far = np.pad(image, ((0, 2 * padding), (0, 2 * padding)))
    return correlate2d(far, kernel, mode="valid")[::stride, ::stride][:n_out, :n_out]


# no checkerboard --------------------------------------------------------------------------------------------------


def even_layer(size, factor):
    kernel = 2 * factor if factor % 2 == 0 else 3 * factor  # a multiple of the stride, longer than it
    padding = (kernel - factor) // 2  # (size - 1) s - 2 p + k = s size needs 2 p = k - s
    return [kernel, factor, padding]


def _even_layer_inputs(rng: np.random.Generator) -> list[tuple]:
    return [(4, 2), (7, 2), (int(rng.integers(3, 9)), 3), (int(rng.integers(2, 6)), 4)]


def _check_even_layer(answer: object, size: int, factor: int) -> None:
    kernel, stride, padding = (int(value) for value in as_array(answer, (3,)))
    if min(kernel, stride) < 1 or padding < 0:
        raise Wrong("kernel and stride must be positive, padding not negative")
    # Put down stamps of ones, far from the border, and count how often each pixel is hit.
    line = np.zeros(40 * stride + kernel)
    for j in range(40):
        line[j * stride : j * stride + kernel] += 1
    middle = line[10 * stride + kernel : 20 * stride + kernel]
    n_out = (size - 1) * stride + kernel - 2 * padding
    if middle.min() == 0:
        raise Wrong("some pixels are never touched: the kernel is shorter than the stride")
    if middle.max() > middle.min():
        raise Wrong(
            f"pixels are hit {middle.min():.0f} or {middle.max():.0f} times: a checkerboard; let the stride divide k"
        )
    if n_out != factor * size:
        raise Wrong(f"even, but {size} pixels become {n_out}, and {factor * size} were asked for: choose the padding")
    if kernel <= stride:
        raise Wrong(
            "even, but neighbouring stamps do not overlap, and the image falls into blocks: take a longer kernel"
        )


# spot the slip: where does the walk start? --------------------------------------------------------------------------


def walk_facts(dim):
    return ["z2", (dim / 2) ** 0.5, (dim / 3) ** 0.5]


def _walk_inputs(rng: np.random.Generator) -> list[tuple]:
    return [(2,), (100,), (int(rng.integers(5, 60)),)]


def _root_mean_square_norm(weights: list[float], dim: int) -> float:
    """Of a weighted sum of independent standard codes, by Gauss-Hermite quadrature over their first coordinates."""
    nodes, mass = np.polynomial.hermite_e.hermegauss(5)
    grid = np.array(list(itertools.product(nodes, repeat=len(weights))))
    share = np.prod(list(itertools.product(mass / mass.sum(), repeat=len(weights))), axis=1)
    return math.sqrt(dim * float(share @ (grid @ weights) ** 2))


def _check_walk(answer: object, dim: int) -> None:
    if not isinstance(answer, list | tuple) or len(answer) != 3:
        raise Wrong('the answer should be a list of three: "z1" or "z2", and two numbers')
    if str(answer[0]).strip().lower() not in ("z1", "z2"):
        raise Wrong('the first entry should be "z1" or "z2"')
    if str(answer[0]).strip().lower() == "z1":
        raise Wrong("put zero into the formula: the factor of z1 vanishes, and the other end is left")
    for value, weights, what in ((answer[1], [0.5, 0.5], "midpoint"), (answer[2], [1 / 3] * 3, "average of three")):
        found, expected = as_number(value), _root_mean_square_norm(weights, dim)
        if close(found, expected):
            continue
        if close(found, expected**2):
            raise Wrong(f"{what}: this is the mean squared norm; take its root")
        if close(found, math.sqrt(dim)):
            raise Wrong(f"{what}: that is the norm of a code of the prior; independent codes partly cancel")
        raise Wrong(f"{what}: variances of independent coordinates add, with squared weights")


# mend a discriminator -----------------------------------------------------------------------------------------------


def _mend_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n, n_pixels, width in ((6, 16, 5), (1, 16, 5), (4, 9, 7)):
        first = (rng.normal(size=(width, n_pixels)), rng.normal(size=width))
        statistics = (rng.normal(size=width), rng.uniform(0.5, 4, size=width))
        gain_and_shift = (rng.uniform(0.5, 2, size=width) * rng.choice([-1, 1], width), rng.normal(size=width))
        second = (rng.normal(size=width), float(rng.normal()))
        cases.append((rng.uniform(-1, 1, size=(n, n_pixels)), *first, *statistics, *gain_and_shift, *second))
    return cases


def _logits(x, w1, b1, mean, var, gain, shift, w2, b2, *, norm="running", output="logit", input_norm=False, slope=0.2):
    """By torch's own layers; the keywords are typical mistakes."""
    import torch
    from torch.nn import functional

    tensors = [torch.as_tensor(np.asarray(value, dtype=float)) for value in (x, w1, b1, mean, var, gain, shift, w2, b2)]
    x, w1, b1, mean, var, gain, shift, w2, b2 = tensors
    if input_norm:
        x = (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + 1e-5)
    hidden = functional.linear(x, w1, b1)
    if norm == "batch":
        mean, var = hidden.mean(0), hidden.var(0, unbiased=False)
    divisor = var + 1e-5 if norm == "variance" else torch.sqrt(var + 1e-5)
    if norm != "none":
        hidden = gain * (hidden - mean) / divisor + shift
    logits = functional.linear(functional.leaky_relu(hidden, slope), w2[None], b2[None])[:, 0]
    if output == "leaky":
        logits = functional.leaky_relu(logits, 0.2)
    elif output == "sigmoid":
        logits = torch.sigmoid(logits)
    return logits.numpy()


def _check_mend(answer: object, x: np.ndarray, *parameters: np.ndarray) -> None:
    found = as_array(answer, (len(x),))
    if close(found, _logits(x, *parameters), relative=1e-7):
        return
    hints = (
        (
            {"output": "leaky"},
            "the output still passes through a LeakyReLU: its negative side is squeezed, leave it out",
        ),
        ({"output": "sigmoid"}, "a logit is asked for, and this is a probability: leave the sigmoid to the loss"),
        (
            {"norm": "batch"},
            "the hidden layer is normalised by its own batch: in evaluation use the running statistics",
        ),
        (
            {"input_norm": True},
            "the input image is still normalised by its batch: contrast is information, leave it in",
        ),
        ({"norm": "none"}, "the batch norm of the hidden layer is gone: only that of the input had to go"),
        ({"norm": "variance"}, "divide by the root of the variance, not by the variance itself"),
        ({"slope": 0.0}, "hidden units are cut at zero: LeakyReLU keeps 0.2 of what is negative"),
    )
    for mistake, hint in hints:
        if close(found, _logits(x, *parameters, **mistake), relative=1e-7):
            raise Wrong(hint)
    if len(x) == 1:
        raise Wrong("an image alone in its batch must get the logit that it gets among others")
    raise Wrong("linear, batch norm with running statistics (epsilon 1e-5), LeakyReLU(0.2), linear: nothing else")


# a guideline, one at a time -----------------------------------------------------------------------------------------


def guideline_ablation(accuracy):
    base = np.asarray(accuracy["guidelines"])
    table = {}
    for name, values in accuracy.items():
        if name == "guidelines":
            continue
        difference = np.asarray(values) - base  # seed by seed: what the seeds share cancels
        table[name] = [difference.mean(), difference.std(ddof=1) / np.sqrt(len(difference))]
    return table


def _ablation_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n_seeds, names in ((3, ("no batch norm", "beta 0.9")), (5, ("max pooling",))):
        luck = rng.normal(0, 0.03, size=n_seeds)
        accuracy = {"guidelines": (0.62 + luck + rng.normal(0, 0.01, size=n_seeds)).tolist()}
        for name in names:
            accuracy[name] = (rng.uniform(0.6, 0.9) + luck + rng.normal(0, 0.01, size=n_seeds)).tolist()
        cases.append((accuracy,))
    return cases


def _check_ablation(answer: object, accuracy: dict[str, list[float]]) -> None:
    names = [name for name in accuracy if name != "guidelines"]
    if not isinstance(answer, dict) or set(answer) != set(names):
        raise Wrong(f"the answer should be a dict with a row for each of {', '.join(names)}, and for nothing else")
    base = accuracy["guidelines"]
    for name in names:
        mean, error = as_array(answer[name], (2,))
        values = accuracy[name]
        n = len(values)
        paired = stats.ttest_rel(values, base)
        expected = float(np.mean(values) - np.mean(base))
        expected_error = expected / float(paired.statistic)  # t is the mean over its standard error
        if close(mean, -expected):
            raise Wrong("guidelines minus variant: report variant minus guidelines, so that harm is positive")
        if not close(mean, expected):
            raise Wrong("the first number should be the mean difference, variant minus guidelines, over the seeds")
        if close(error, expected_error, relative=1e-7):
            continue
        unpaired = math.sqrt((np.var(values, ddof=1) + np.var(base, ddof=1)) / n)
        if close(error, unpaired):
            raise Wrong("the two runs of a seed share their luck: take differences seed by seed, then their error")
        if close(error, expected_error * math.sqrt(n)):
            raise Wrong("that is the standard deviation of the differences; divide by the root of the number of seeds")
        if close(error, expected_error * math.sqrt((n - 1) / n)):
            raise Wrong("with three seeds the divisor n - 1 matters: use ddof=1")
        raise Wrong("the second number should be the standard error of the mean of the paired differences")


def _unpaired(accuracy):
    base = accuracy["guidelines"]
    return {
        name: [
            np.mean(values) - np.mean(base),
            np.sqrt((np.var(values, ddof=1) + np.var(base, ddof=1)) / len(base)),
        ]
        for name, values in accuracy.items()
        if name != "guidelines"
    }


def _with_error_times(factor):
    def attempt(accuracy):
        n = len(accuracy["guidelines"])
        return {name: [mean, error * factor(n)] for name, (mean, error) in guideline_ablation(accuracy).items()}

    return attempt


def _sizes_where(kind, formula):
    def attempt(layers):
        right = layer_sizes(layers)
        return [
            formula(*layer[1:]) if layer[0] == kind and value > 0 else value
            for layer, value in zip(layers, right, strict=True)
        ]

    return attempt


EXERCISES = (
    Exercise(
        name="layer_sizes",
        title="A shape calculator",
        prompt=r"""
Return the side of the output for each layer of a list: convolutions by {eq}`conv-size`, transposed convolutions
(without output padding) by {eq}`transposed-conv-size`. Where no output is left, because the kernel does not fit
into the padded image or the padding cuts everything away, the answer is 0. Some sizes are odd.
""",
        stub='''
def layer_sizes(layers):
    """Side of the output of each layer.

    layers : list of tuples (kind, size, kernel, stride, padding), kind "conv" or "transposed"
    returns list of int, 0 where nothing is left
    """
    ...
''',
        inputs=_layer_sizes_inputs,
        check=_check_layer_sizes,
        solution=layer_sizes,
        mistakes=(
            Mistake("no rounding", _sizes_where("conv", lambda n, k, s, p: (n + 2 * p - k) / s + 1), "no half step"),
            Mistake("padding once", _sizes_where("conv", lambda n, k, s, p: (n + p - k) // s + 1), "it counts twice"),
            Mistake("rounded up", _sizes_where("conv", lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1), "is not made"),
            Mistake("stride times size", _sizes_where("transposed", lambda n, k, s, p: n * s), "only for some kernels"),
            Mistake("infeasible layers", lambda layers: [max(v, 1) for v in layer_sizes(layers)], "leave nothing"),
        ),
        level=1,
        minutes=10,
    ),
    Exercise(
        name="conv_matrix",
        title="A convolution is a matrix",
        prompt=r"""
Write the convolution of one channel as a matrix $A$ of shape (outputs, pixels), pixels numbered row by row, so that
`A @ image.ravel()` is the output, row by row. As in networks, the kernel is *not* flipped. Then convince yourself
that `A.T @ y.ravel()` is what `torch.nn.functional.conv_transpose2d` returns (for the layers whose last step just
fits; where a strip is left over, `output_padding` fills it).
""",
        stub='''
def conv_matrix(kernel, size, stride, padding):
    """Matrix of a convolution of size x size images.

    kernel : array, shape (k, k)
    returns array, shape (n_out ** 2, size ** 2)
    """
    ...
''',
        inputs=_conv_matrix_inputs,
        check=_check_conv_matrix,
        level=2,
        minutes=25,
        points=6,
    ),
    Exercise(
        name="even_layer",
        title="Choose a layer without a checkerboard",
        prompt=r"""
Choose kernel, stride and padding of a transposed convolution that turns `size` pixels into exactly `factor * size`
(no output padding), in which every pixel away from the border is hit equally often *and* neighbouring stamps overlap.
Mind odd factors.
""",
        stub='''
def even_layer(size, factor):
    """Kernel, stride and padding.

    size, factor : int
    returns list of three ints
    """
    ...
''',
        inputs=_even_layer_inputs,
        check=_check_even_layer,
        solution=even_layer,
        mistakes=(
            Mistake("an odd kernel", lambda size, factor: [2 * factor + 1, factor, 1], "a checkerboard"),
            Mistake("padding forgotten", lambda size, factor: [2 * factor, factor, 0], "were asked for"),
            Mistake("blocks", lambda size, factor: [factor, factor, 0], "falls into blocks"),
            Mistake("holes", lambda size, factor: [1, factor, 0], "never touched"),
        ),
        level=2,
        minutes=15,
    ),
    Exercise(
        name="walk_facts",
        title="Spot the slip: “walk from $z_1$ to $z_2$ by letting λ run from 0 to 1”",
        prompt=r"""
On slides the walk is printed as $z=\lambda z_1+(1-\lambda)z_2$. For independent standard Gaussian codes of `dim`
numbers say where it *starts*, at $\lambda=0$; the root mean square of the norm half-way, at $\lambda=\frac12$; and
that of the average of three codes, which is what vector arithmetic works with.
""",
        stub='''
def walk_facts(dim):
    """Three facts on the printed walk.

    dim : int, numbers in a code
    returns list: "z1" or "z2", root mean square norm at one half, that of an average of three
    """
    ...
''',
        inputs=_walk_inputs,
        check=_check_walk,
        solution=walk_facts,
        mistakes=(
            Mistake("starts at z1", lambda d: ["z1", math.sqrt(d / 2), math.sqrt(d / 3)], "the factor of z1 vanishes"),
            Mistake("squared", lambda d: ["z2", d / 2, d / 3], "take its root"),
            Mistake("norms are kept", lambda d: ["z2", math.sqrt(d), math.sqrt(d)], "partly cancel"),
        ),
        level=1,
        minutes=10,
    ),
    Exercise(
        name="mended_logits",
        title="Spot the slip: “batch norm in every layer, LeakyReLU in all layers of D”",
        prompt=r"""
Taken literally, the two sentences give this small discriminator:

```python
x = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)         # batch norm at the input
hidden = x @ w1.T + b1
hidden = leaky(gain * (hidden - hidden.mean(0)) / np.sqrt(hidden.var(0) + 1e-5) + shift)
return leaky(hidden @ w2 + b2)                         # LeakyReLU at the output
```

Mend it, and let it *evaluate*: logits that may take either sign at full strength, an input that is left alone, and
for the hidden layer the running statistics, so that an image alone gets the logit it gets among others.
LeakyReLU has slope 0.2, and $\varepsilon=10^{-5}$.
""",
        stub='''
def mended_logits(x, w1, b1, running_mean, running_var, gain, shift, w2, b2):
    """Logit of each image, in evaluation mode.

    x : array, shape (n, n_pixels);  w1 : (width, n_pixels);  w2 : (width,);  b2 : float
    b1, running_mean, running_var, gain, shift : arrays, shape (width,)
    returns array, shape (n,)
    """
    ...
''',
        inputs=_mend_inputs,
        check=_check_mend,
        level=2,
        minutes=15,
        points=6,
    ),
    Exercise(
        name="guideline_ablation",
        title="Mini project: remove one guideline",
        prompt=r"""
Take one sentence of the list, remove *that and nothing else*, and train three seeds with and without it (the same
seeds, `experiments.dcgan.train` shows how; on a laptop one run takes half a minute). Measure the two-sample
accuracy of each. Write the bookkeeping: for each variant the mean difference to the guidelines, variant minus
guidelines, and its standard error, from differences *seed by seed*.
""",
        stub='''
def guideline_ablation(accuracy):
    """Mean difference to the guidelines, and its standard error.

    accuracy : dict, name of the variant to list of accuracies, one for each seed;
        "guidelines" is one of the names
    returns dict, name of the variant (without "guidelines") to [difference, standard error]
    """
    ...
''',
        inputs=_ablation_inputs,
        check=_check_ablation,
        solution=guideline_ablation,
        mistakes=(
            Mistake("unpaired error", _unpaired, "share their luck"),
            Mistake("standard deviation", _with_error_times(np.sqrt), "divide by the root of the number of seeds"),
            Mistake("divisor n", _with_error_times(lambda n: np.sqrt((n - 1) / n)), "use ddof=1"),
            Mistake(
                "sign",
                lambda accuracy: {name: [-m, e] for name, (m, e) in guideline_ablation(accuracy).items()},
                "so that harm is positive",
            ),
        ),
        level=3,
        minutes=90,
        rubric=(
            "one change at a time, and everything else (rounds, rate, seeds, number of weights) said to be equal; "
            "three seeds or more; the difference with its standard error, and real against real as the floor; "
            "what else the change has moved (a bias that came back, a scale of initial weights) is named; "
            "a null result is reported."
        ),
    ),
)
