"""Losses by hand and by mpmath, the penalty by calculus, one round of Algorithm 1 by finite differences."""

import copy
import math

import mpmath
import numpy as np
import pytest
import torch
from torch import nn

from lectures_pkg.gan import discriminator_loss, frozen, gan_step, generator_loss, gradient_penalty, r1_penalty, sample
from lectures_pkg.networks import mlp
from lectures_pkg.training import EMA, fit, seeded

LOGITS = (-1e4, -800.0, -37.0, -20.5, -1.0, 0.0, 1e-3, 2.0, 19.5, 36.0, 800.0, 1e4)


def exact(function, a):
    """A loss of one logit and its slope, to fifty digits."""
    with mpmath.workdps(50):
        sigmoid = lambda t: 1 / (1 + mpmath.exp(-t))  # noqa: E731
        a = mpmath.mpf(a)
        values = {
            "real": (mpmath.log1p(mpmath.exp(-a)), -sigmoid(-a)),
            "fake": (mpmath.log1p(mpmath.exp(a)), sigmoid(a)),
            "non_saturating": (mpmath.log1p(mpmath.exp(-a)), -sigmoid(-a)),
            "saturating": (-mpmath.log1p(mpmath.exp(a)), -sigmoid(a)),
            "wasserstein": (-a, mpmath.mpf(-1)),
        }
        return tuple(float(v) for v in values[function])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("a", LOGITS)
@pytest.mark.parametrize("name", ["real", "fake", "non_saturating", "saturating", "wasserstein"])
def test_value_and_slope_at_any_logit(name, a, dtype):
    logit = torch.tensor([a], dtype=dtype, requires_grad=True)
    certain = torch.tensor([math.inf], dtype=dtype)  # adds exactly zero to the other term
    if name == "real":
        loss = discriminator_loss(logit, -certain)
    elif name == "fake":
        loss = discriminator_loss(certain, logit)
    else:
        loss = generator_loss(logit, name)
    loss.backward()
    value, slope = exact(name, logit.item())
    precision = 4 * torch.finfo(dtype).eps
    tiny = torch.finfo(dtype).tiny
    assert loss.item() == pytest.approx(value, rel=precision, abs=tiny)
    assert logit.grad.item() == pytest.approx(slope, rel=precision, abs=tiny)


def test_losses_at_balance_worked_by_hand():
    # D = 1/2 everywhere: -log(1/2) - log(1/2) = log 4, and -log(1/2) = log 2
    even = torch.zeros(3, 1, dtype=torch.float64)
    assert discriminator_loss(even, even[:2]).item() == pytest.approx(math.log(4), abs=1e-15)
    assert generator_loss(even).item() == pytest.approx(math.log(2), abs=1e-15)
    assert generator_loss(even, "saturating").item() == pytest.approx(-math.log(2), abs=1e-15)


def test_losses_worked_by_hand_on_unequal_batches():
    # D(real) = 3/4, 1/2; D(fake) = 1/4
    real, fake = torch.tensor([3.0, 1.0]).log().double(), torch.tensor([1 / 3]).log().double()
    expected = -(math.log(3 / 4) + math.log(1 / 2)) / 2 - math.log(3 / 4)
    assert discriminator_loss(real, fake).item() == pytest.approx(expected, abs=1e-7)
    assert discriminator_loss(torch.tensor([2.0, 4.0]), torch.tensor([1.0]), "wasserstein").item() == -2.0
    assert generator_loss(torch.tensor([2.0, 4.0]), "wasserstein").item() == -3.0


def test_agrees_with_binary_cross_entropy():
    rng = np.random.default_rng(0)
    real, fake = torch.as_tensor(rng.normal(size=(7, 1))), torch.as_tensor(rng.normal(size=(5, 1)))
    bce = nn.functional.binary_cross_entropy
    expected = bce(real.sigmoid(), torch.ones_like(real)) + bce(fake.sigmoid(), torch.zeros_like(fake))
    assert discriminator_loss(real, fake).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: discriminator_loss(torch.zeros(4, 1), torch.zeros(4)),
            "real and fake logits must have the same shape after the first axis, found (4, 1) and (4,)",
        ),
        (
            lambda: discriminator_loss(torch.zeros(0, 1), torch.zeros(4, 1)),
            "a mean needs at least one example, found shape (0, 1)",
        ),
        (lambda: generator_loss(torch.tensor(0.0)), "a mean needs at least one example, found shape ()"),
        (
            lambda: discriminator_loss(torch.zeros(2), torch.zeros(2), "hinge"),
            "kind must be one of logistic, wasserstein, found 'hinge'",
        ),
        (
            lambda: generator_loss(torch.zeros(2), "minimax"),
            "kind must be one of non_saturating, saturating, wasserstein, found 'minimax'",
        ),
        (
            lambda: r1_penalty(nn.Linear(2, 1), torch.zeros(3, 2), -1.0),
            "gamma must not be negative, found -1.0",
        ),
        (
            lambda: gradient_penalty(nn.Linear(2, 1), torch.zeros(3, 2), torch.zeros(3, 2), -1.0),
            "weight must not be negative, found -1.0",
        ),
        (
            lambda: gradient_penalty(nn.Linear(2, 1), torch.zeros(3, 2), torch.zeros(4, 2), 1.0),
            "real and fake examples are paired and must have one shape, found (3, 2) and (4, 2)",
        ),
        (lambda: small_step(gradient_weight=-0.5), "gradient_weight must not be negative, found -0.5"),
        (lambda: small_step(n_discriminator_steps=0), "n_discriminator_steps must be at least 1, found 0"),
        (lambda: small_step(gamma=-0.5), "gamma must not be negative, found -0.5"),
        (
            lambda: small_step(generator_kind="logistic"),
            "kind must be one of non_saturating, saturating, wasserstein, found 'logistic'",
        ),
        (
            lambda: small_step(n_discriminator_steps=3)(torch.zeros(8, 2)),
            "a batch of 8 examples can't be split into 3 equal minibatches",
        ),
        (
            lambda: small_step()(torch.zeros(0, 2)),
            "a batch of 0 examples can't be split into 1 equal minibatches",
        ),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, sentence):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the whole sentence is compared)
        call()
    assert str(caught.value) == sentence


# R1


def test_r1_of_a_linear_critic_is_its_squared_slope():
    critic = nn.Linear(3, 1).double()
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[1.0, -2.0, 2.0]]))  # squared norm 9
    penalty = r1_penalty(critic, torch.randn(5, 3, dtype=torch.float64), gamma=0.5)
    assert penalty.item() == pytest.approx(0.25 * 9)
    penalty.backward()
    # d/dw gamma/2 |w|^2 = gamma w
    assert critic.weight.grad.numpy() == pytest.approx(0.5 * np.array([[1.0, -2.0, 2.0]]))


def test_r1_of_a_quadratic_critic_worked_by_hand():
    # a(x) = |x|^2, slope 2x: gamma/2 E 4|x|^2 = 2 gamma E |x|^2
    x = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
    assert r1_penalty(lambda x: x.square().sum(dim=1), x, gamma=1.0).item() == pytest.approx(2 * (1 + 25) / 2)


def test_r1_against_finite_differences_of_the_critic_and_on_images():
    with seeded(0):
        critic = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 1)).double()
        x = torch.randn(3, 1, 4, 4, dtype=torch.float64)
    total, h = 0.0, 1e-5
    for image in x:
        for i in range(16):
            shift = torch.zeros(16, dtype=torch.float64)
            shift[i] = h
            plus, minus = (critic((image + s * shift.view(1, 4, 4))[None]).item() for s in (1, -1))
            total += ((plus - minus) / (2 * h)) ** 2
    assert r1_penalty(critic, x, gamma=3.0).item() == pytest.approx(1.5 * total / 3, rel=1e-8)


def test_r1_of_a_critic_that_ignores_its_input_is_zero():
    bias = nn.Parameter(torch.zeros(1))
    assert r1_penalty(lambda x: bias.expand(len(x)), torch.ones(4, 2), gamma=1.0).item() == 0


def test_r1_leaves_the_examples_alone():
    x = torch.ones(4, 2)
    r1_penalty(nn.Linear(2, 1), x, gamma=1.0).backward()
    assert not x.requires_grad and x.grad is None


# WGAN-GP


def test_gradient_penalty_of_a_linear_critic_is_its_distance_from_slope_one():
    critic = nn.Linear(3, 1).double()
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[1.0, -2.0, 2.0]]))  # norm 3
    x = torch.randn(5, 3, dtype=torch.float64)
    penalty = gradient_penalty(critic, x, -x, weight=10.0)
    assert penalty.item() == pytest.approx(10 * (3 - 1) ** 2)
    penalty.backward()
    # d/dw 10 (|w| - 1)^2 = 20 (|w| - 1) w / |w|
    assert critic.weight.grad.numpy() == pytest.approx(20 * 2 * np.array([[1.0, -2.0, 2.0]]) / 3)


def test_gradient_penalty_looks_between_the_pairs():
    # a(x) = x^2 / 2 has slope x; between 1 and 3 the average of (u - 1)^2 over u in [1, 3] is 4/3
    real, fake = torch.full((40_000, 1), 3.0), torch.full((40_000, 1), 1.0)
    found = gradient_penalty(lambda x: x.square() / 2, real, fake, 1.0, torch.Generator().manual_seed(0))
    assert found.item() == pytest.approx(4 / 3, abs=5 * math.sqrt(64 / 45 / 40_000))
    same = gradient_penalty(lambda x: x.square() / 2, real, real, 1.0)
    assert same.item() == pytest.approx(4)


def test_gradient_penalty_takes_images_and_leaves_the_examples_alone():
    critic = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
    x, y = torch.randn(3, 1, 4, 4), torch.randn(3, 1, 4, 4)
    penalty = gradient_penalty(critic, x, y, 1.0)
    norm = critic[1].weight.detach().norm().item()
    assert penalty.item() == pytest.approx((norm - 1) ** 2, rel=1e-5)
    penalty.backward()
    assert not x.requires_grad and x.grad is None and y.grad is None


def test_gradient_penalty_of_a_flat_critic_has_a_finite_gradient():
    critic = mlp((2, 3, 1), nn.Tanh)
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.zero_()
    penalty = gradient_penalty(critic, torch.ones(4, 2), torch.zeros(4, 2), 1.0)
    penalty.backward()
    assert penalty.item() == pytest.approx(1)
    assert all(torch.isfinite(p.grad).all() for p in critic.parameters() if p.grad is not None)


# one round of Algorithm 1


def small_players(seed=0, batch_norm=False):
    with seeded(seed):
        generator, discriminator = mlp((2, 5, 2), nn.Tanh), mlp((2, 5, 1), nn.Tanh)
        if batch_norm:
            generator.insert(1, nn.BatchNorm1d(5))
            discriminator.insert(1, nn.BatchNorm1d(5))
    return generator.double(), discriminator.double()


def small_step(players=None, lr=0.1, lr_g=None, noise=None, **options):
    generator, discriminator = players or small_players()
    g_optimiser = torch.optim.SGD(generator.parameters(), lr=lr if lr_g is None else lr_g)
    d_optimiser = torch.optim.SGD(discriminator.parameters(), lr=lr)
    noise = noise or (lambda m: torch.rand(m, 2, dtype=torch.float64))
    return gan_step(generator, discriminator, g_optimiser, d_optimiser, noise, **options)


def state(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


class Recorder(torch.optim.SGD):
    """SGD that keeps the state of both players as its own step left them."""

    def __init__(self, parameters, players):
        super().__init__(parameters, lr=0.1)
        self.players, self.seen = players, []

    def step(self):
        super().step()
        self.seen.append([state(player) for player in self.players])


@pytest.mark.parametrize("batch_norm", [False, True])
def test_each_player_moves_while_the_other_is_bitwise_still(batch_norm):
    """Still means parameters and, with batch norm, running statistics."""
    generator, discriminator = players = small_players(batch_norm=batch_norm)
    g_optimiser, d_optimiser = (Recorder(player.parameters(), players) for player in players)
    before = [state(player) for player in players]
    noise = lambda m: torch.rand(m, 2, dtype=torch.float64)  # noqa: E731
    gan_step(generator, discriminator, g_optimiser, d_optimiser, noise, n_discriminator_steps=2)(
        torch.randn(8, 2, dtype=torch.float64)
    )
    (after_first, after_second), (after_generator,) = d_optimiser.seen, g_optimiser.seen
    assert same(before[0], after_first[0]) and same(before[0], after_second[0])  # D moved, G did not
    assert same(after_second[1], state(discriminator))  # G moved, D did not
    assert not same(before[1], after_first[1]) and not same(after_first[1], after_second[1])
    assert not same(before[0], after_generator[0])


def test_a_frozen_network_passes_gradients_and_stays_bitwise():
    _, discriminator = small_players(batch_norm=True)
    before = state(discriminator)
    x = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    with frozen(discriminator):
        generator_loss(discriminator(x)).backward()
    assert x.grad.abs().sum() > 0
    assert all(p.grad is None and p.requires_grad for p in discriminator.parameters())
    assert same(before, state(discriminator))


def test_frozen_keeps_what_was_frozen_before_and_thaws_after_an_error():
    network = nn.Linear(2, 1)
    network.bias.requires_grad_(False)
    with pytest.raises(KeyError), frozen(network):
        raise KeyError
    assert network.weight.requires_grad and not network.bias.requires_grad


def numeric_gradient(function, network, h=1e-6):
    """Central differences in every parameter, one long row."""
    slopes = []
    for parameter in network.parameters():
        flat = parameter.data.view(-1)
        for i in range(len(flat)):
            kept = flat[i].item()
            values = []
            for sign in (1, -1):
                flat[i] = kept + sign * h
                values.append(function())
            flat[i] = kept
            slopes.append((values[0] - values[1]) / (2 * h))
    return np.array(slopes)


def row(network):
    return np.concatenate([p.detach().numpy().ravel() for p in network.parameters()])


@pytest.mark.parametrize("kind", ["non_saturating", "saturating"])
def test_one_round_is_algorithm_1(kind):
    """k ascents on V, then one G step against the *updated* D, each with fresh noise: finite differences of log D."""
    generator, discriminator = small_players()
    g, d = copy.deepcopy(generator), copy.deepcopy(discriminator)
    rng = np.random.default_rng(0)
    noises = [torch.as_tensor(rng.random((4, 2))) for _ in range(3)]
    batch = torch.as_tensor(rng.normal(size=(8, 2)))
    stream = iter(noises)
    small_step((generator, discriminator), n_discriminator_steps=2, generator_kind=kind, noise=lambda m: next(stream))(
        batch
    )

    def probability(x):
        return 1 / (1 + np.exp(-d(x).detach().numpy()))

    for real, z in zip((batch[:4], batch[4:]), noises[:2], strict=True):
        value = lambda: np.mean(np.log(probability(real)) + np.log(1 - probability(g(z))))  # noqa: E731, B023
        slopes = numeric_gradient(value, d)
        nn.utils.vector_to_parameters(torch.as_tensor(row(d) + 0.1 * slopes), d.parameters())  # ascent
    loss = {
        "non_saturating": lambda: -np.mean(np.log(probability(g(noises[2])))),
        "saturating": lambda: np.mean(np.log(1 - probability(g(noises[2])))),
    }[kind]
    slopes = numeric_gradient(loss, g)
    assert row(discriminator) == pytest.approx(row(d), abs=1e-9)
    assert row(generator) == pytest.approx(row(g) - 0.1 * slopes, abs=1e-9)


def test_every_update_draws_fresh_noise():
    sizes = []

    def noise(m):
        sizes.append(m)
        return torch.rand(m, 2, dtype=torch.float64)

    small_step(noise=noise, n_discriminator_steps=3)(torch.randn(12, 2, dtype=torch.float64))
    assert sizes == [4, 4, 4, 4]


def test_penalty_shrinks_the_slope_and_is_not_reported_as_loss():
    batch = torch.randn(16, 2, dtype=torch.float64)
    slopes = {}
    for gamma in (0.0, 50.0):
        players = small_players()
        with seeded(1):
            step = small_step(players, lr=0.01, lr_g=0.0, gamma=gamma)
            losses = step(batch)
            for _ in range(50):
                step(batch)
        slopes[gamma] = r1_penalty(players[1], batch, 1.0).item(), losses["discriminator_loss"]
    assert slopes[50.0][0] < 0.2 * slopes[0.0][0]
    assert slopes[50.0][1] == slopes[0.0][1]


def test_gradient_penalty_holds_a_wasserstein_critics_slope():
    real, fake = torch.randn(64, 2).double() + 2, torch.zeros(2).double()
    norms = {}
    for weight in (0.0, 10.0):
        players = small_players()
        with seeded(3):
            step = small_step(
                players, lr=0.05, lr_g=0.0, discriminator_kind="wasserstein", generator_kind="wasserstein",
                gradient_weight=weight,
            )  # fmt: skip
            for _ in range(300):
                step(real)
        x = (0.5 * real + 0.5 * fake).requires_grad_()
        (slope,) = torch.autograd.grad(players[1](x).sum(), x)
        norms[weight] = slope.norm(dim=1).mean().item()
    assert norms[0.0] > 10 and abs(norms[10.0] - 1) < 0.6


def test_wasserstein_kinds_reach_the_losses():
    players = small_players()
    real_mean = players[1](torch.ones(4, 2).double()).mean().item()
    losses = small_step(
        players,
        lr=0.0,
        noise=lambda m: torch.zeros(m, 2, dtype=torch.float64),
        discriminator_kind="wasserstein",
        generator_kind="wasserstein",
    )(torch.ones(4, 2, dtype=torch.float64))
    fake_mean = players[1](players[0](torch.zeros(1, 2).double())).mean().item()
    assert losses == pytest.approx({"discriminator_loss": fake_mean - real_mean, "generator_loss": -fake_mean})


def test_average_follows_the_generator():
    players = small_players()
    start = row(players[0])
    average = EMA(players[0], 0.75)
    with seeded(2):
        small_step(players, ema=average)(torch.randn(8, 2, dtype=torch.float64))
    assert row(average.module) == pytest.approx(0.75 * start + 0.25 * row(players[0]))


def test_sample_has_no_gradient_and_restores_the_mode():
    generator, _ = small_players(batch_norm=True)
    before = state(generator)
    x = sample(generator, lambda m: torch.rand(m, 2, dtype=torch.float64), 6)
    assert x.shape == (6, 2) and not x.requires_grad and generator.training and same(before, state(generator))


def test_trains_a_shift_no_better_than_theory_allows():
    """After training, D's loss cannot stay above log 4 on average, and the average generator is centred."""
    with seeded(0):
        generator, discriminator = mlp((1, 8, 1), nn.Tanh), mlp((1, 16, 1), nn.Tanh)
        average = EMA(generator, 0.99)
        adam = lambda n, lr: torch.optim.Adam(n.parameters(), lr=lr, betas=(0.5, 0.9))  # noqa: E731
        step = gan_step(
            generator, discriminator, adam(generator, 2e-3), adam(discriminator, 4e-3),
            lambda m: torch.randn(m, 1), gamma=0.1, ema=average,
        )  # fmt: skip

        def batches():
            while True:
                yield 2 + torch.randn(128, 1)

        history = fit(step, batches(), 1000)
        points = sample(average.module, lambda m: torch.randn(m, 1), 4000)
    assert abs(points.mean().item() - 2) < 0.25
    assert abs(history["discriminator_loss"][-300:].mean() - math.log(4)) < 0.05
