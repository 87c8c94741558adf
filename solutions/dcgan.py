"""Solutions of the assignment exercises of ``dcgan``, and the mistakes that their checks refuse."""

import numpy as np

from lectures_pkg.exercises import Mistake


def conv_matrix(kernel, size, stride, padding):
    k = len(kernel)
    n_out = (size + 2 * padding - k) // stride + 1
    matrix = np.zeros((n_out, n_out, size, size))
    for i in range(n_out):
        for j in range(n_out):
            for a in range(k):
                for b in range(k):
                    row, column = i * stride + a - padding, j * stride + b - padding
                    if 0 <= row < size and 0 <= column < size:  # outside lies the padding, zeros
                        matrix[i, j, row, column] = kernel[a, b]
    return matrix.reshape(n_out**2, size**2)


def mended_logits(x, w1, b1, running_mean, running_var, gain, shift, w2, b2):
    hidden = x @ w1.T + b1
    hidden = gain * (hidden - running_mean) / np.sqrt(running_var + 1e-5) + shift
    return np.where(hidden > 0, hidden, 0.2 * hidden) @ w2 + b2


def _leaky(values, slope=0.2):
    return np.where(values > 0, values, slope * values)


def _column_by_column(kernel, size, stride, padding):
    matrix = conv_matrix(kernel, size, stride, padding)
    n_out = round(len(matrix) ** 0.5)
    return matrix.reshape(n_out, n_out, size, size).transpose(1, 0, 3, 2).reshape(n_out**2, size**2)


def _starts_inside(kernel, size, stride, padding):
    if padding == 0:
        return conv_matrix(kernel, size, stride, padding)
    n_out = (size + 2 * padding - len(kernel)) // stride + 1
    matrix = np.zeros((n_out, n_out, size, size))
    for i in range(n_out):
        for j in range(n_out):
            for (a, b), value in np.ndenumerate(kernel):
                if i * stride + a < size and j * stride + b < size:
                    matrix[i, j, i * stride + a, j * stride + b] = value
    return matrix.reshape(n_out**2, size**2)


def _batch_statistics(x, w1, b1, mean, var, gain, shift, w2, b2):
    hidden = x @ w1.T + b1
    return mended_logits(x, w1, b1, hidden.mean(0), hidden.var(0), gain, shift, w2, b2)


def _input_normalised(x, *parameters):
    return mended_logits((x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5), *parameters)


def _variance_for_its_root(x, w1, b1, mean, var, gain, shift, w2, b2):
    return _leaky(gain * (x @ w1.T + b1 - mean) / (var + 1e-5) + shift) @ w2 + b2


MISTAKES = {
    "conv_matrix": (
        Mistake("flipped kernel", lambda k, n, s, p: conv_matrix(k[::-1, ::-1], n, s, p), "the kernel is flipped"),
        Mistake("transposed", lambda k, n, s, p: conv_matrix(k, n, s, p).T, "of the transposed convolution"),
        Mistake("column by column", _column_by_column, "row by row, as ravel() does"),
        Mistake("padding at one end", _starts_inside, "yours starts at 0"),
    ),
    "mended_logits": (
        Mistake("LeakyReLU at the output", lambda *a: _leaky(mended_logits(*a)), "negative side is squeezed"),
        Mistake("probability", lambda *a: 1 / (1 + np.exp(-mended_logits(*a))), "leave the sigmoid to the loss"),
        Mistake("batch statistics", _batch_statistics, "normalised by its own batch"),
        Mistake("input normalised", _input_normalised, "contrast is information"),
        Mistake("variance for its root", _variance_for_its_root, "the root of the variance"),
    ),
}
