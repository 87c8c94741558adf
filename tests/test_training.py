"""The loop, the batches, the seeds and the average, against arrays worked out by hand."""

import itertools
import random
import sys

import numpy as np
import pytest
import torch
from torch import nn

from lectures_pkg import training
from lectures_pkg.training import EMA, fit, minibatches, seeded


def test_fit_calls_the_step_in_order_and_keeps_the_history():
    seen = []

    def step(batch):
        seen.append(batch)
        return {"loss": batch / 2, "other": -batch}

    history = fit(step, iter(range(10)), 4)
    assert seen == [0, 1, 2, 3]
    assert history["loss"].tolist() == [0, 0.5, 1, 1.5]
    assert history["other"].tolist() == [0, -1, -2, -3]


def test_fit_of_no_steps_has_no_history():
    assert fit(lambda batch: {"loss": 1.0}, [1, 2], 0) == {}


def test_fit_goes_on_with_the_same_iterator():
    """Blocks of training draw on one stream: no batch is lost between them."""
    batches = iter(range(6))
    seen = []
    step = lambda batch: seen.append(batch) or {"loss": 0.0}  # noqa: E731
    fit(step, batches, 2)
    fit(step, batches, 3)
    assert seen == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_fit_stops_at_the_first_number_that_is_not_finite(value):
    losses = iter([1.0, 0.5, value])
    with pytest.raises(FloatingPointError) as caught:
        fit(lambda batch: {"good": 0.0, "loss": next(losses)}, itertools.repeat(0), 10)
    assert str(caught.value) == f"loss is {value} at step 2: lower the learning rate, or mend the loss"


def test_fit_refuses_a_negative_budget_and_batches_that_end():
    with pytest.raises(ValueError, match="n_steps must not be negative, found -1"):
        fit(lambda batch: {}, [], -1)
    with pytest.raises(ValueError, match="the batches ended after 2 of 3 steps"):
        fit(lambda batch: {"loss": 0.0}, [0, 0], 3)


def test_fit_is_silent_when_nobody_watches(capsys, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    fit(lambda batch: {"loss": 0.0}, itertools.repeat(0), 3)
    assert capsys.readouterr() == ("", "")


def test_fit_shows_progress_to_a_person(capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert training._is_interactive()
    monkeypatch.setenv("TQDM_DISABLE", "1")
    assert not training._is_interactive()


def test_minibatches_see_each_example_once_a_pass():
    data = torch.arange(10)
    batches = minibatches(data, 5, np.random.default_rng(0))
    first, second = torch.cat([next(batches), next(batches)]), torch.cat([next(batches), next(batches)])
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(10))
    assert first.tolist() != second.tolist()


def test_minibatches_leave_out_an_incomplete_batch():
    batches = minibatches(torch.arange(7), 3, np.random.default_rng(0))
    taken = [next(batches) for _ in range(10)]
    assert all(len(batch) == 3 for batch in taken)
    assert len(set(torch.cat(taken[:2]).tolist())) == 6  # one pass: two batches without repetition


def test_minibatches_keep_rows_together_and_follow_the_seed():
    data = torch.stack([torch.arange(6), torch.arange(6) * 10], dim=1)
    one, other = (next(minibatches(data, 4, np.random.default_rng(3))) for _ in range(2))
    assert torch.equal(one, other) and torch.equal(one[:, 1], one[:, 0] * 10)


@pytest.mark.parametrize("size", [0, 8, -1])
def test_minibatches_refuse_impossible_sizes(size):
    with pytest.raises(ValueError, match=f"batch_size must be between 1 and the 7 examples, found {size}"):
        next(minibatches(torch.arange(7), size, np.random.default_rng(0)))


def draws():
    return random.random(), float(np.random.rand()), torch.rand(()).item()  # noqa: NPY002


def test_seeded_repeats_and_restores_the_global_states():
    with seeded(5):
        outer = [draws(), draws()]
    with seeded(5):
        assert draws() == outer[0]
        with seeded(6):
            inner = draws()
        assert draws() == outer[1]  # the inner block left no trace
    assert inner != outer[0]


def test_seeded_restores_after_an_error():
    with seeded(1):
        before = draws()
    with seeded(1):
        with pytest.raises(KeyError), seeded(2):
            {}[draws()]
        assert draws() == before


def test_seeded_takes_seeds_beyond_numpys_range():
    with seeded(2**40 + 1):
        draws()


def one_number(value):
    module = nn.Linear(1, 1, bias=False).double()
    with torch.no_grad():
        module.weight.fill_(value)
    return module


def test_average_worked_by_hand():
    # decay 3/4, start 0, parameters 4, 8: 1/4 * 4 = 1, then 3/4 * 1 + 1/4 * 8 = 2.75
    module = one_number(0.0)
    average = EMA(module, 0.75)
    for value, expected in ((4.0, 1.0), (8.0, 2.75)):
        with torch.no_grad():
            module.weight.fill_(value)
        average.update(module)
        assert average.module.weight.item() == expected
    assert module.weight.item() == 8.0


def test_average_is_a_weighted_sum_of_the_past():
    rng = np.random.default_rng(0)
    values, decay = rng.normal(size=31), 0.9
    module = one_number(values[0])
    average = EMA(module, decay)
    for value in values[1:]:
        with torch.no_grad():
            module.weight.fill_(value)
        average.update(module)
    weights = np.concatenate([[decay**30], (1 - decay) * decay ** np.arange(29, -1, -1)])
    assert weights.sum() == pytest.approx(1)
    assert average.module.weight.item() == pytest.approx(weights @ values, rel=1e-12)


def test_decay_zero_is_a_copy():
    module = one_number(1.0)
    average = EMA(module, 0.0)
    with torch.no_grad():
        module.weight.fill_(3.0)
    average.update(module)
    assert average.module.weight.item() == 3.0


def test_average_is_a_copy_without_gradient_in_evaluation_mode():
    module = nn.Sequential(nn.Linear(2, 3), nn.Dropout())
    average = EMA(module, 0.5)
    assert not average.module.training and module.training
    assert not any(p.requires_grad for p in average.module.parameters())
    assert average.module[0].weight is not module[0].weight
    average.update(module)
    assert torch.equal(average.module[0].weight, module[0].weight)


def test_buffers_are_copied_not_averaged():
    module = nn.BatchNorm1d(2)
    average = EMA(module, 0.99)
    module(torch.randn(20, 2) + 5)
    average.update(module)
    assert torch.equal(average.module.running_mean, module.running_mean)
    assert average.module.num_batches_tracked.item() == 1


@pytest.mark.parametrize("decay", [-0.1, 1.0, 1.5])
def test_average_refuses_impossible_decays(decay):
    with pytest.raises(ValueError, match=r"decay must be in \[0, 1\), found"):
        EMA(nn.Linear(1, 1), decay)
