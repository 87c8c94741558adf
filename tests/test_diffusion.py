"""Diffusion and flow matching: formulas against quadrature, mpmath and autograd; steps, networks, stored results."""

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import nn

from lectures_pkg.diffusion import (
    MixtureDenoiser,
    Schedule,
    TimeMLP,
    TinyUNet,
    ancestral_sample,
    clock,
    denoiser_of,
    denoising_loss,
    diffusion_step,
    elbo_terms,
    euler_sample,
    flow_matching_loss,
    flow_step,
    gaussian_velocity,
    linear_beta_schedule,
    log_snr_schedule,
    posterior,
    probability_flow_sample,
    q_sample,
    time_features,
    velocity_of,
)
from lectures_pkg.exercises import Wrong, exercises_of
from lectures_pkg.experiments import diffusion as experiment
from lectures_pkg.experiments import spread
from lectures_pkg.training import EMA, fit, seeded
from lectures_pkg.worlds import GaussianMixture

LINE = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.5, 0.8])
PLANE = GaussianMixture([0.2, 0.5, 0.3], [[0.0, 1.0], [2.0, -1.0], [-1.0, -1.0]], [[0.3, 0.6], [0.5, 0.4], [0.7, 0.2]])


# ---------------------------------------------------------------- schedules


def test_schedule_worked_by_hand():
    schedule = Schedule([1.0, 0.8, 0.5])
    assert schedule.n_steps == 2
    assert schedule.alpha == pytest.approx([1, 0.8, 0.625])
    assert schedule.beta == pytest.approx([0, 0.2, 0.375])
    assert schedule.snr == pytest.approx([math.inf, 4, 1])


def test_linear_schedule_has_the_betas_asked_for():
    schedule = linear_beta_schedule(200)
    assert schedule.beta[1:] == pytest.approx(np.linspace(1e-4, 0.05, 200))
    with mpmath.workdps(40):
        exact = mpmath.nprod(lambda i: 1 - (mpmath.mpf("1e-4") + (i - 1) * mpmath.mpf("0.0499") / 199), [1, 200])
    assert schedule.alpha_bar[-1] == pytest.approx(float(exact), rel=1e-12)


def test_log_snr_schedule_has_equal_steps():
    schedule = log_snr_schedule(7, 4.0, -2.0)
    assert np.log(schedule.snr[1:]) == pytest.approx([4, 3, 2, 1, 0, -1, -2])


@pytest.mark.parametrize(
    ("alpha_bar", "words"),
    [
        ([1.0], "must have shape (T + 1,)"),
        ([0.9, 0.5], "must be 1 at t = 0"),
        ([1.0, 0.5, 0.5], "then fall and stay positive"),
        ([1.0, 0.5, 0.0], "then fall and stay positive"),
    ],
)
def test_bad_schedules_are_refused(alpha_bar, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)").replace("+", r"\+")):
        Schedule(alpha_bar)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: linear_beta_schedule(0), "n_steps >= 1"),
        (lambda: linear_beta_schedule(5, 0.1, 1.0), "betas between 0 and 1"),
        (lambda: log_snr_schedule(1), "n_steps >= 2"),
        (lambda: log_snr_schedule(5, -1.0, 1.0), "high > low"),
    ],
)
def test_bad_schedule_settings_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


# ---------------------------------------------------------------- noising and its posterior


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_noising_worked_by_hand(kind):
    x_t = q_sample(kind([2.0, -1.0]), 0.64, kind([1.0, 0.5]))  # 0.8 x_0 + 0.6 noise
    assert np.asarray(x_t) == pytest.approx([2.2, -0.5])


def test_noising_takes_one_level_per_row():
    x_t = q_sample(torch.ones(2, 3), torch.tensor([[0.64], [0.36]]), torch.zeros(2, 3))
    assert x_t[:, 0].tolist() == pytest.approx([0.8, 0.6])


def test_noising_refuses_noise_of_another_shape():
    with pytest.raises(ValueError, match=r"x0 has shape \(4, 2\) but the noise has \(2,\)"):
        q_sample(np.zeros((4, 2)), 0.5, np.zeros(2))


def test_posterior_worked_by_hand():
    mean, variance = posterior(Schedule([1.0, 0.8, 0.5]), 2, np.array([1.0]), np.array([0.0]))
    assert mean == pytest.approx(math.sqrt(0.8) * 0.375 / 0.5) and variance == pytest.approx(0.15)


def test_posterior_at_the_first_step_is_the_clean_point():
    mean, variance = posterior(Schedule([1.0, 0.8, 0.5]), 1, torch.tensor([3.0]), torch.tensor([-7.0]))
    assert mean.item() == pytest.approx(3.0) and variance == 0


def test_posterior_by_conditioning_a_joint_gaussian():
    # (x_{t-1}, x_t) given x_0 is jointly Gaussian; condition it by Schur complements
    schedule, t, x0, x_t = linear_beta_schedule(200), 70, 0.8, -0.4
    a, before, after = schedule.alpha[t], schedule.alpha_bar[t - 1], schedule.alpha_bar[t]
    covariance = np.array([[1 - before, math.sqrt(a) * (1 - before)], [math.sqrt(a) * (1 - before), 1 - after]])
    gain = covariance[0, 1] / covariance[1, 1]
    mean, variance = posterior(schedule, t, np.array([x0]), np.array([x_t]))
    assert mean == pytest.approx(math.sqrt(before) * x0 + gain * (x_t - math.sqrt(after) * x0))
    assert variance == pytest.approx(covariance[0, 0] - gain * covariance[0, 1])


@pytest.mark.parametrize("t", [0, 3])
def test_posterior_refuses_what_is_no_step(t):
    with pytest.raises(ValueError, match=f"t must be a step from 1 to 2, found {t}"):
        posterior(Schedule([1.0, 0.8, 0.5]), t, np.zeros(1), np.zeros(1))


# ---------------------------------------------------------------- the bound


def test_bound_of_a_standard_gaussian_by_adaptive_quadrature():
    schedule, x0 = Schedule([1.0, 0.8, 0.5, 0.3]), 0.7

    def denoise(x, alpha_bar):  # not exact: the bound holds for any
        return 0.5 * np.tanh(x)

    def expected(f, t):
        a = schedule.alpha_bar[t]
        return integrate.quad(lambda e: stats.norm.pdf(e) * f(math.sqrt(a) * x0 + math.sqrt(1 - a) * e), -9, 9)[0]

    terms = elbo_terms(schedule, denoise, [x0])
    variance = 0.2 / 0.8
    assert terms.reconstruction[0] == pytest.approx(
        expected(lambda x: stats.norm.logpdf(x0, denoise(x, 0.8), math.sqrt(variance)), 1)
    )
    for t in (2, 3):

        def kl(x, t=t):
            true, spread_ = posterior(schedule, t, np.array(x0), np.array(x))
            model, _ = posterior(schedule, t, np.array(denoise(x, 0)), np.array(x))
            return (true - model) ** 2 / (2 * spread_)

        assert terms.steps[t - 2, 0] == pytest.approx(expected(kl, t))
    prior = integrate.quad(
        lambda x: (
            stats.norm.pdf(x, math.sqrt(0.3) * x0, math.sqrt(0.7))
            * (stats.norm.logpdf(x, math.sqrt(0.3) * x0, math.sqrt(0.7)) - stats.norm.logpdf(x))
        ),
        -9,
        9,
    )[0]
    assert terms.prior[0] == pytest.approx(prior)
    assert terms.elbo[0] == pytest.approx(terms.reconstruction[0] - terms.steps.sum() - prior)


def test_bound_with_the_exact_denoiser_beats_every_other_in_the_mean():
    schedule = log_snr_schedule(20)
    exact = MixtureDenoiser(LINE)
    z, w = np.polynomial.hermite_e.hermegauss(20)
    x, weights = (LINE.means + LINE.stds * z).ravel(), (LINE.weights[:, None] * w / w.sum()).ravel()

    def mean_elbo(shift):
        return weights @ elbo_terms(schedule, lambda x_t, a: exact.denoise(x_t, a) + shift, x).elbo

    assert mean_elbo(0) > max(mean_elbo(0.05), mean_elbo(-0.05))


def test_bound_refuses_points_of_the_plane():
    with pytest.raises(ValueError, match=r"x0 must have shape \(n,\), found \(3, 2\)"):
        elbo_terms(log_snr_schedule(5), lambda x, a: x, np.zeros((3, 2)))


# ---------------------------------------------------------------- the exact denoiser


@pytest.mark.parametrize("alpha_bar", [0.95, 0.5, 0.05])
def test_posterior_mean_and_density_in_the_plane_by_quadrature(alpha_bar):
    a, b = math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)
    axis = np.linspace(-6, 6, 601)
    clean = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    prior = np.exp(PLANE.log_prob(clean))
    exact, cell = MixtureDenoiser(PLANE), (axis[1] - axis[0]) ** 2
    for x in ([0.4, -0.2], [-1.1, 0.8]):
        weight = prior * stats.norm.pdf(np.array(x), a * clean, b).prod(axis=1)
        assert exact.log_prob(np.array(x), alpha_bar) == pytest.approx(math.log(weight.sum() * cell), abs=1e-6)
        assert exact.denoise(np.array(x), alpha_bar) == pytest.approx(weight @ clean / weight.sum(), abs=1e-6)


def test_score_is_the_slope_by_autograd():
    alpha_bar = 0.6
    x = torch.tensor([[0.3, -0.4], [-2.0, 1.0]], dtype=torch.float64, requires_grad=True)
    components = torch.distributions.Independent(
        torch.distributions.Normal(
            math.sqrt(alpha_bar) * torch.tensor(PLANE.means),
            torch.sqrt(alpha_bar * torch.tensor(PLANE.stds) ** 2 + 1 - alpha_bar),
        ),
        1,
    )
    law = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.tensor(PLANE.weights)), components
    )
    (slope,) = torch.autograd.grad(law.log_prob(x).sum(), x)
    exact = MixtureDenoiser(PLANE)
    assert exact.score(x.detach().numpy(), alpha_bar) == pytest.approx(slope.numpy())
    assert exact.log_prob(x.detach().numpy(), alpha_bar) == pytest.approx(law.log_prob(x).detach().numpy())


def test_exact_denoiser_at_both_ends():
    exact = MixtureDenoiser(PLANE)
    x = np.array([[0.1, 0.9], [1.8, -1.1]])
    assert exact.denoise(x, 1.0) == pytest.approx(x)  # no noise: nothing to guess
    assert exact.denoise(x, 1e-12) == pytest.approx(np.tile(PLANE.weights @ PLANE.means, (2, 1)), abs=1e-5)
    far = exact.denoise(np.array([[60.0, -60.0]]), 0.5)  # densities underflow there
    assert np.isfinite(far).all()


def test_arrays_on_the_line_keep_their_shape():
    exact = MixtureDenoiser(LINE)
    x = np.linspace(-1, 1, 6)
    for shape in ((6,), (2, 3), (6, 1)):
        for function in (exact.denoise, exact.score, exact.velocity):
            values = function(x.reshape(shape), 0.5)
            assert values.shape == shape and values.ravel() == pytest.approx(function(x, 0.5))


def test_exact_denoiser_refuses_bad_input():
    exact = MixtureDenoiser(PLANE)
    with pytest.raises(ValueError, match=r"points must have shape \(\.\.\., 2\), found \(3,\)"):
        exact.denoise(np.zeros(3), 0.5)
    for alpha_bar in (0.0, 1.5, math.nan):
        with pytest.raises(ValueError, match="alpha_bar must be in"):
            exact.score(np.zeros(2), alpha_bar)
    for t in (-0.1, 1.0):
        with pytest.raises(ValueError, match="t must be in"):
            exact.velocity(np.zeros(2), t)


def test_velocity_of_a_mixture_by_quadrature():
    x1 = np.linspace(-8, 8, 20_001)
    exact = MixtureDenoiser(LINE)
    for t, x in ((0.1, -0.5), (0.5, 0.2), (0.9, 1.1)):
        noise = (x - t * x1) / (1 - t)
        weight = np.exp(LINE.log_prob(x1)) * stats.norm.pdf(noise)
        assert exact.velocity(np.array([x]), t) == pytest.approx((weight @ (x1 - noise)) / weight.sum(), abs=1e-9)
    assert exact.velocity(np.array([0.3]), 0.0) == pytest.approx(LINE.weights @ LINE.means[:, 0] - 0.3)


def test_gaussian_velocity_is_that_of_a_mixture_of_one():
    one, x = MixtureDenoiser(GaussianMixture([1.0], [1.5], [0.6])), np.linspace(-2, 3, 7)
    for t in (0.0, 0.3, 0.95):
        assert gaussian_velocity(x, t, 1.5, 0.6) == pytest.approx(one.velocity(x, t))


# ---------------------------------------------------------------- samplers


def test_one_euler_step_and_two_worked_by_hand():
    def velocity(x, t):
        return t * x

    assert euler_sample(velocity, np.array([2.0]), 1) == pytest.approx(2.0)  # asked at t = 0 only
    assert euler_sample(velocity, np.array([2.0]), 2) == pytest.approx(2 + 0.5 * 0.5 * 2)
    with pytest.raises(ValueError, match="n_steps must be at least 1, found 0"):
        euler_sample(velocity, np.array([2.0]), 0)


def test_euler_agrees_with_an_adaptive_solver():
    exact, start = MixtureDenoiser(LINE), np.array([-1.2, 0.1, 1.4])
    solved = integrate.solve_ivp(lambda t, x: exact.velocity(x, min(t, 1 - 1e-9)), (0, 1 - 1e-9), start, rtol=1e-9)
    assert euler_sample(exact.velocity, start, 4000) == pytest.approx(solved.y[:, -1], abs=2e-3)


def test_ancestral_sampling_has_the_means_and_variances_of_a_plane_mixture():
    rng = np.random.default_rng(0)
    points = ancestral_sample(
        log_snr_schedule(300), MixtureDenoiser(PLANE).denoise, rng.standard_normal((8000, 2)), rng
    )
    mean = PLANE.weights @ PLANE.means
    covariance = (PLANE.means - mean).T @ np.diag(PLANE.weights) @ (PLANE.means - mean)
    covariance += np.diag(PLANE.weights @ PLANE.stds**2)
    assert points.mean(axis=0) == pytest.approx(mean, abs=0.08)
    assert np.cov(points.T) == pytest.approx(covariance, abs=0.12)


def test_last_step_adds_no_noise_and_guesses_are_clipped():
    schedule = Schedule([1.0, 0.5])
    x = ancestral_sample(schedule, lambda x, a: 0 * x + 3.0, torch.zeros(4), torch.Generator().manual_seed(0), clip=1.0)
    assert x.tolist() == pytest.approx([1.0] * 4)
    assert probability_flow_sample(schedule, lambda x, a: 0 * x + 3.0, np.zeros(4), clip=1.0) == pytest.approx(1.0)


def test_ancestral_sampling_is_repeatable_with_its_generator():
    def draw(seed):
        rng = torch.Generator().manual_seed(seed)
        return ancestral_sample(log_snr_schedule(5), lambda x, a: 0.5 * x, torch.ones(6), rng)

    assert torch.equal(draw(0), draw(0)) and not torch.equal(draw(0), draw(1))


def test_samplers_want_the_generator_of_their_arrays():
    schedule = log_snr_schedule(3)
    with pytest.raises(ValueError, match="NumPy arrays need NumPy's Generator as rng, found NoneType"):
        ancestral_sample(schedule, lambda x, a: x, np.zeros(2))
    with pytest.raises(ValueError, match="tensors need torch's Generator"):
        ancestral_sample(schedule, lambda x, a: x, torch.zeros(2), np.random.default_rng(0))


def test_probability_flow_of_a_gaussian_is_a_stretch():
    # N(m, s^2): y(0) = m + s (y - m) / sqrt(s^2 + sigma^2), by separation of variables
    mean, std = 0.7, 0.5
    schedule = log_snr_schedule(3000)
    start, last = np.array([-1.0, 0.3, 1.2]), schedule.alpha_bar[-1]
    end = probability_flow_sample(schedule, MixtureDenoiser(GaussianMixture([1.0], [mean], [std])).denoise, start)
    y, sigma = start / math.sqrt(last), math.sqrt((1 - last) / last)
    assert end == pytest.approx(mean + std * (y - mean) / math.hypot(std, sigma), abs=3e-3)


# ---------------------------------------------------------------- losses and steps


def test_flow_loss_worked_by_hand():
    # x_t = (1 - .25) * 2 + .25 * 6 = 3; the line's velocity is 6 - 2 = 4; a model that says x_t + t misses by .75
    loss = flow_matching_loss(
        lambda x, t: x + t[:, None], torch.tensor([[6.0]]), torch.tensor([0.25]), torch.tensor([[2.0]])
    )
    assert loss.item() == pytest.approx(0.75**2)


def test_denoising_loss_worked_by_hand():
    # x_t = .8 * 2 + .6 * 1 = 2.2; a model that returns its input misses the noise by 1.2
    loss = denoising_loss(lambda x, t: x, torch.tensor([[2.0]]), torch.tensor([0.64]), torch.tensor([[1.0]]))
    assert loss.item() == pytest.approx(1.44)


def test_losses_pass_labels_and_the_clock_on():
    seen = {}

    def model(x, t, y):
        seen.update(t=t, y=y)
        return x

    labels = torch.tensor([3, 1])
    flow_matching_loss(model, torch.zeros(2, 1), torch.tensor([0.2, 0.4]), torch.zeros(2, 1), labels)
    assert seen["t"].tolist() == pytest.approx([0.2, 0.4]) and seen["y"] is labels
    denoising_loss(model, torch.zeros(2, 1), torch.tensor([0.5, 0.2]), torch.zeros(2, 1), labels)
    assert seen["t"].tolist() == pytest.approx([0.5, (9 + math.log(4)) / 18])


def test_clock_runs_from_clean_to_noise():
    alpha_bar = 1 / (1 + np.exp([-9.0, 0.0, 9.0]))
    assert clock(alpha_bar) == pytest.approx([0, 0.5, 1])
    assert clock(torch.tensor(alpha_bar)).tolist() == pytest.approx([0, 0.5, 1])


@pytest.mark.parametrize("loss", [flow_matching_loss, denoising_loss])
def test_losses_refuse_shapes_that_would_broadcast(loss):
    with pytest.raises(ValueError, match=r"found \(4, 2\), \(4, 2\) and \(4, 1\)"):
        loss(lambda x, t: x, torch.zeros(4, 2), torch.full((4, 1), 0.5), torch.zeros(4, 2))


def test_best_constant_guess_has_the_loss_that_theory_gives():
    # For x_1 = m the best field knows x_1 - x_0 from (x_t, t): (m - x_t)/(1 - t), and reaches 0
    rng = torch.Generator().manual_seed(0)
    noise, t = torch.randn(50, 3, generator=rng), 0.9 * torch.rand(50, generator=rng)
    loss = flow_matching_loss(lambda x, t: (2.0 - x) / (1 - t[:, None]), torch.full((50, 3), 2.0), t, noise)
    assert loss.item() < 1e-9


class Line(nn.Module):
    """v(x, t) = a x + b t + c."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x, t, *labels):
        return self.layer(torch.cat([x, t[:, None]], dim=1))


def batches(labels=None):
    data = torch.linspace(1, 2, 64)[:, None]
    while True:
        yield data, torch.zeros(64, dtype=torch.long)


def test_a_step_is_gradient_descent_on_the_loss():
    with seeded(0):
        model = Line()
    before = [p.detach().clone() for p in model.parameters()]
    step = flow_step(model, torch.optim.SGD(model.parameters(), lr=0.1), rng=torch.Generator().manual_seed(1))
    reported = step(next(batches()))["loss"]
    again = torch.Generator().manual_seed(1)
    t = torch.rand(64, generator=again)
    noise = torch.randn(64, 1, generator=again)
    with seeded(0):
        twin = Line()
    loss = flow_matching_loss(twin, next(batches())[0], t, noise)
    gradients = torch.autograd.grad(loss, list(twin.parameters()))
    assert reported == pytest.approx(loss.item())
    for new, old, gradient in zip(model.parameters(), before, gradients, strict=True):
        assert torch.allclose(new, old - 0.1 * gradient)


@pytest.mark.parametrize("kind", ["flow", "diffusion"])
def test_steps_move_average_and_scheduler(kind):
    with seeded(0):
        model = Line()
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.5)
        average = EMA(model, 0.5)
        start = average.module.layer.weight.clone()
        options = {"scheduler": scheduler, "ema": average}
        make = (
            flow_step(model, optimiser, **options)
            if kind == "flow"
            else diffusion_step(model, log_snr_schedule(20, 2.0, -2.0), optimiser, **options)
        )
        make(next(batches()))
    assert optimiser.param_groups[0]["lr"] == pytest.approx(0.05)
    assert torch.allclose(average.module.layer.weight, 0.5 * (start + model.layer.weight))


def test_diffusion_step_draws_every_level_of_the_schedule_and_no_other():
    schedule, seen = log_snr_schedule(4, 2.0, -2.0), []

    class Spy(Line):
        def forward(self, x, t, *labels):
            seen.extend(t.tolist())
            return super().forward(x, t)

    with seeded(0):
        model = Spy()
        fit(diffusion_step(model, schedule, torch.optim.SGD(model.parameters(), lr=0.01)), batches(), 5)
    assert sorted({round(t, 4) for t in seen}) == pytest.approx(clock(schedule.alpha_bar[1:]), abs=1e-4)


def test_trained_field_comes_near_the_exact_one_and_its_loss_near_the_floor():
    mean, std = 1.0, 0.5

    def data():
        while True:
            yield mean + std * torch.randn(512, 1), torch.zeros(512, dtype=torch.long)

    with seeded(0):
        model = TimeMLP(1, 32)
        optimiser = torch.optim.Adam(model.parameters(), 5e-3)
        losses = fit(flow_step(model, optimiser), data(), 500)["loss"]
    tail = losses[-100:]
    assert tail.mean() > math.pi * std / 2 - 5 * tail.std() / 10  # theory's floor
    assert tail.mean() < math.pi * std / 2 + 0.1
    x = torch.linspace(0, 1, 5)[:, None]
    assert velocity_of(model)(x, 0.5).numpy() == pytest.approx(gaussian_velocity(x, 0.5, mean, std).numpy(), abs=0.25)


def test_network_that_knows_the_noise_is_a_perfect_denoiser():
    x0, noise, alpha_bar = torch.tensor([[0.3, -0.7]]), torch.tensor([[1.1, 0.2]]), 0.37
    seen = []

    def model(x, t):
        seen.append(t.item())
        return noise

    denoise = denoiser_of(model)
    assert torch.allclose(denoise(q_sample(x0, alpha_bar, noise), alpha_bar), x0)
    assert seen == pytest.approx([clock(np.array(alpha_bar)).item()])


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("make", [lambda n: TimeMLP(64, 16, n), lambda n: TinyUNet(4, n)])
def test_networks_hear_time_and_label(make):
    with seeded(0):
        network, plain = make(3), make(0)
        x = torch.randn(2, 64)
    x[1] = x[0]
    t, y = torch.tensor([0.3, 0.3]), torch.tensor([0, 2])
    out = network(x, t, y)
    assert out.shape == (2, 64) and not torch.allclose(out[0], out[1])
    assert torch.allclose(*network(x, t, torch.tensor([1, 1])))
    early, late = plain(x, torch.tensor([0.1, 0.8]))
    assert not torch.allclose(early, late)


@pytest.mark.parametrize("make", [lambda n: TimeMLP(64, 8, n), lambda n: TinyUNet(4, n)])
def test_networks_refuse_missing_and_superfluous_labels(make):
    x, t, y = torch.zeros(2, 64), torch.zeros(2), torch.zeros(2, dtype=torch.long)
    with pytest.raises(ValueError, match="a network with 3 classes needs labels, found none"):
        make(3)(x, t)
    with pytest.raises(ValueError, match="a network with 0 classes needs no labels, found labels"):
        make(0)(x, t, y)


def test_networks_refuse_bad_sizes():
    with pytest.raises(ValueError, match="widths must be positive"):
        TimeMLP(0)
    with pytest.raises(ValueError, match="channels must be positive"):
        TinyUNet(0)
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 64\), found \(2, 8\)"):
        TinyUNet(4)(torch.zeros(2, 8), torch.zeros(2))


def test_time_features_are_sines_and_cosines_from_1_to_50():
    features = time_features(torch.tensor([0.3], dtype=torch.float64)).numpy()[0]
    frequencies = 50 ** (np.arange(16) / 15)
    assert features == pytest.approx(np.r_[np.sin(0.3 * frequencies), np.cos(0.3 * frequencies)])


# ---------------------------------------------------------------- the experiment


def test_pictures_have_the_grey_levels_of_the_data():
    pictures = experiment.to_grey_levels(torch.tensor([[-1.3, -1.0, -0.9, 0.0, 0.93, 1.0, 4.0]]))
    assert pictures.tolist() == [[0, 0, 1 / 16, 0.5, 15 / 16, 1, 1]]
    images, labels, test = experiment.digits()
    assert images.shape == (1347, 64) and labels.shape == (1347,) and test.shape == (450, 64)
    for values in (experiment.to_grey_levels(images), test):
        assert set(np.unique(16 * values)) == set(range(17))


def test_training_is_repeatable_and_seeds_differ():
    one, same, other = (experiment.train_flow(seed, n_steps=5, hidden=8).losses for seed in (0, 0, 1))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert experiment.train_diffusion(0, n_steps=3).losses.shape == (3,)
    assert experiment.train_flow(0, "unet", conditional=False, n_steps=3).losses.shape == (3,)


def test_samples_come_from_their_seed_and_labels():
    trained = experiment.train_flow(0, n_steps=5, hidden=8)
    wanted = torch.arange(6) % 10
    first, same, other = (experiment.flow_samples(trained, seed, 6, 3, labels=wanted) for seed in (0, 0, 1))
    assert first.shape == (6, 64) and np.array_equal(first, same) and not np.array_equal(first, other)


def test_real_digits_are_hardly_told_apart_and_noise_is():
    images, _, _ = experiment.digits()
    real = experiment.to_grey_levels(images[:450])
    noise = np.random.default_rng(0).integers(17, size=(450, 64)) / 16
    assert experiment.told_apart(real, 0) < 0.6 and experiment.told_apart(noise, 0) > 0.99


def test_validation_looks_at_no_test_digit(monkeypatch):
    whole = experiment.digits()
    monkeypatch.setattr(experiment, "digits", lambda: (*whole[:2], None))
    assert 0 <= experiment.validate(0, hidden=8, n_steps=3) <= 0.5  # three steps of training obey nobody


def test_stored_results_say_what_the_chapter_says():
    found = spread("diffusion")
    assert found["obeyed_flow"].n_seeds >= 3
    assert found["obeyed_flow"].low > 0.95 and found["obeyed_diffusion"].low > 0.9
    assert found["obeyed_flow_1"].low > 0.9
    assert found["apart_null"].high < 0.6
    assert found["apart_unet_50"].high + 0.1 < found["apart_mlp_50"].low
    assert found["apart_unet_1"].low > 0.95


# ---------------------------------------------------------------- the exercises


@pytest.mark.parametrize("exercise", exercises_of("diffusion"), ids=lambda exercise: exercise.name)
def test_answers_of_the_right_shape_that_are_nan_are_refused(exercise):
    shapes = {
        "noise_levels": lambda betas: {name: np.nan * betas for name in ("alpha_bar", "signal", "noise_std")},
        "posterior_step": lambda a, t, x0, x_t: {"mean": np.nan * x0, "variance": math.nan},
        "tweedie_mean": lambda w, m, s, x, a: {"score": np.nan * x, "mean": np.nan * x},
        "step_weights": lambda b, a: {name: np.nan * b for name in ("from_means", "from_snr", "of_noise")},
        "one_step_or_many": lambda w, m, s, n: {"best_gaussian_kl": math.nan, "gaps": np.full(len(n), math.nan)},
        "distilled_sampler": lambda w, m, s, grid: np.full((5, len(grid)), math.nan),
    }
    with pytest.raises(Wrong):
        exercise.judge(shapes[exercise.name])
