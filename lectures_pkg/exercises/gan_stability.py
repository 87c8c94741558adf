"""Exercises of the chapter on what goes wrong with the game."""

# Solutions are shown to readers as they would write them, without types.
# mypy: disallow-untyped-defs=False

from __future__ import annotations

import mpmath
import numpy as np

from lectures_pkg.divergences import jensen_shannon_divergence, optimal_transport
from lectures_pkg.exercises import Exercise, Mistake, Wrong, as_array, as_number, close
from lectures_pkg.gan_dynamics import dirac_gan_jacobian, dirac_gan_trajectory
from lectures_pkg.metrics import mode_report

# one step -------------------------------------------------------------------------------------------------------


def dirac_step(theta, psi, step_size, loss, scheme):
    def pull(t):  # f'(t)
        return 1.0 if loss == "wasserstein" else 1 / (1 + np.exp(t))

    new_theta = theta - step_size * psi * pull(theta * psi)
    seen = new_theta if scheme == "alternating" else theta
    new_psi = psi + step_size * seen * pull(seen * psi)
    return [new_theta, new_psi]


def _step_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for loss in ("wasserstein", "standard"):
        for scheme in ("simultaneous", "alternating"):
            theta, psi = rng.uniform(0.5, 2, size=2) * rng.choice([-1, 1], size=2)
            cases.append((float(theta), float(psi), float(rng.uniform(0.1, 0.6)), loss, scheme))
    return cases


def _check_step(answer: object, theta: float, psi: float, step_size: float, loss: str, scheme: str) -> None:
    found = as_array(answer, (2,))

    def after(loss: str, scheme: str) -> np.ndarray:
        return np.array(dirac_gan_trajectory(loss, step_size, 1, (theta, psi), scheme=scheme))[:, 1]

    expected = after(loss, scheme)
    if close(found, expected):
        return
    other = "alternating" if scheme == "simultaneous" else "simultaneous"
    if close(found, after(loss, other)):
        raise Wrong(f"that is the {other} scheme: which theta may psi see here?")
    if close(found, after("wasserstein" if loss == "standard" else "standard", scheme)):
        raise Wrong("that is the other loss: f'(t) is 1 for wasserstein and 1 / (1 + exp(t)) for standard")
    if close(found, dirac_step(theta, psi, -step_size, loss, scheme)):
        raise Wrong("both players went the wrong way: theta descends and psi ascends")
    if close(found[0], expected[0]):
        raise Wrong("theta is right, psi is not: it ascends f(theta psi), so it gains step_size theta f'(theta psi)")
    raise Wrong("theta descends f(theta psi): by the chain rule it loses step_size psi f'(theta psi)")


def _forgets_the_scheme(theta, psi, step_size, loss, scheme):
    return dirac_step(theta, psi, step_size, loss, "alternating")


def _always_linear(theta, psi, step_size, loss, scheme):
    return dirac_step(theta, psi, step_size, "wasserstein", scheme)


# the largest step -----------------------------------------------------------------------------------------------


def _largest_step_inputs(rng: np.random.Generator) -> list[tuple]:
    return [(float(gamma),) for gamma in (*rng.uniform(0.1, 0.9, size=3), *rng.uniform(1.1, 4, size=3))]


def _radius(step_size: float, gamma: float) -> float:
    """Of one simultaneous round around the solution, from the package's Jacobian."""
    eigenvalues = np.linalg.eigvals(np.eye(2) + step_size * dirac_gan_jacobian("r1", gamma))
    return float(np.abs(eigenvalues).max())


def _check_largest_step(answer: object, gamma: float) -> None:
    found = as_number(answer)
    if not found > 0:
        raise Wrong("the answer is a step size, a positive number")
    steps = np.linspace(0.01, 0.999, 60) * found
    if max(_radius(step, gamma) for step in steps) < 1 <= _radius(found * (1 + 1e-6), gamma):
        return
    if close(found, 4 * gamma) and gamma > 1:
        raise Wrong(
            f"right for complex eigenvalues, but at gamma = {gamma:.2f} they are real: the more negative one rules"
        )
    if close(found, gamma):
        raise Wrong("the size of 1 + eta lambda has an eta^2 |lambda|^2 in it, and |lambda|^2 = 1/4, not 1")
    if close(found, 4 / gamma):
        raise Wrong("that is 2 / |real part|, the condition for real eigenvalues without the root; here sizes count")
    side = "too large: at 0.999 times it the radius is above 1" if _radius(0.999 * found, gamma) >= 1 else "too small"
    raise Wrong(f"at gamma = {gamma:.2f} this step is {side}")


# sorting against the linear programme ---------------------------------------------------------------------------


def _sorting_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n, m in ((5, 5), (6, 4), (9, 3)):
        x, y = rng.normal(0, 1, size=n), rng.normal(0.7, 2, size=m)
        cases.append((x, rng.dirichlet(np.ones(n)), y, rng.dirichlet(np.ones(m))))
    n = 7
    cases.append((rng.normal(size=n), np.full(n, 1 / n), rng.normal(1, 1, size=n), np.full(n, 1 / n)))
    return cases


def _cdf_gap(x, p, y, q, *, sort_weights=(True, True), signed=False, squared=False) -> float:
    """Integral of the gap between two distribution functions; the keywords are typical mistakes."""
    order_x, order_y = np.argsort(x), np.argsort(y)
    points = np.sort(np.concatenate([x, y]))
    mass_x, mass_y = (p[order_x] if sort_weights[0] else p), (q[order_y] if sort_weights[1] else q)
    f = np.concatenate([[0], np.cumsum(mass_x)])[np.searchsorted(x[order_x], points[:-1], side="right")]
    g = np.concatenate([[0], np.cumsum(mass_y)])[np.searchsorted(y[order_y], points[:-1], side="right")]
    gap = f - g if signed else np.abs(f - g)
    return float((gap**2 if squared else gap) @ np.diff(points))


def _check_sorting(answer: object, x: np.ndarray, p: np.ndarray, y: np.ndarray, q: np.ndarray) -> None:
    found = as_number(answer)
    expected = optimal_transport(np.abs(x[:, None] - y), p, q).cost
    if close(found, expected, absolute=1e-9):
        return
    equal = [np.full(len(w), 1 / len(w)) for w in (p, q)]
    if close(found, _cdf_gap(x, equal[0], y, equal[1])):
        raise Wrong("the weights are not equal: each place carries its own mass")
    if close(found, _cdf_gap(x, p, y, q, sort_weights=(False, False))):
        raise Wrong("when the places are sorted, each must take its weight along")
    if any(close(found, _cdf_gap(x, p, y, q, sort_weights=sides)) for sides in ((True, False), (False, True))):
        raise Wrong("only one of the two sides is sorted together with its weights")
    if close(found, abs(_cdf_gap(x, p, y, q, signed=True))) or close(found, abs(p @ x - q @ y)):
        raise Wrong("that is the difference of the means: mass that moves left and mass that moves right both cost")
    if close(found, _cdf_gap(x, p, y, q, squared=True)):
        raise Wrong("the gap is squared: that is Cramér's distance")
    raise Wrong(f"the linear programme finds {expected:.6g}, this is {found:.6g}")


# spot the slip: where is log(1 - D) flat? -----------------------------------------------------------------------


def saturating_slopes(d, a):
    in_probability = -1 / (1 - d)
    in_logit = -1 / (1 + np.exp(-a))
    return [in_probability, in_logit]


def _slopes_inputs(rng: np.random.Generator) -> list[tuple]:
    return [(0.0, -10.0), (float(rng.uniform(0.05, 0.4)), float(rng.uniform(-6, -1))), (0.9, float(rng.uniform(1, 3)))]


def _check_slopes(answer: object, d: float, a: float) -> None:
    found = as_array(answer, (2,))
    with mpmath.workdps(30):  # derivatives by mpmath's own differences
        in_d = float(mpmath.diff(lambda t: mpmath.log(1 - t), d))
        in_a = float(mpmath.diff(lambda t: -mpmath.log(1 + mpmath.exp(t)), a))
    if close(found, [in_d, in_a], relative=1e-8):
        return
    if close(found[0], 0, absolute=1e-3) and d < 0.5:
        raise Wrong("as a function of D the curve is not flat near D = 0: look at its tangent there")
    if close(found[1], in_d) or close(found[1], -1 / (1 - 1 / (1 + np.exp(-a)))):
        raise Wrong("the second slope is in the logit a: the chain rule brings the factor D (1 - D)")
    if close(found, [-in_d, -in_a], relative=1e-8):
        raise Wrong("the sign: log(1 - D) falls as D, or a, grows")
    if close(found[1], 1 / (1 + np.exp(a))):
        raise Wrong("that is the slope of log D in the logit, which does not vanish where fakes are caught")
    raise Wrong("differentiate log(1 - D) in D, then log(1 - sigmoid(a)) in a")


def _wrong_chain(d, a):
    probability = 1 / (1 + np.exp(-a))
    return [-1 / (1 - d), -1 / (1 - probability)]


# how many modes may vanish --------------------------------------------------------------------------------------


def modes_that_may_vanish(n_modes, tolerance):
    lost = 0
    for kept in range(n_modes - 1, 0, -1):
        a = kept / n_modes
        jsd = 0.5 * (a * np.log(2 * a / (1 + a)) + (1 - a) * np.log(2) + np.log(2 / (1 + a)))
        if jsd > tolerance:
            break
        lost = n_modes - kept
    return lost


def _jsd_of(kept: int, n_modes: int) -> float:
    """By enumeration, through the package."""
    found = np.where(np.arange(n_modes) < kept, 1 / kept, 0.0)
    return jensen_shannon_divergence(np.full(n_modes, 1 / n_modes), found)


def _most_lost(n_modes: int, tolerance: float, unit: float = 1.0) -> int:
    return max(n_modes - kept for kept in range(1, n_modes + 1) if unit * _jsd_of(kept, n_modes) <= tolerance)


def _vanish_inputs(rng: np.random.Generator) -> list[tuple]:
    many = [(int(n_modes), float(rng.uniform(0.15, 0.19))) for n_modes in rng.integers(90, 140, size=3)]
    return [*many, (8, 0.1), (25, 0.05)]


def _check_vanish(answer: object, n_modes: int, tolerance: float) -> None:
    found = as_number(answer)
    expected = _most_lost(n_modes, tolerance)
    if found == expected:
        return
    if found == n_modes - expected:
        raise Wrong("that many are *kept*; the question is how many may be lost")
    if found == expected + 1:
        raise Wrong("one too many: with that loss the divergence is above the tolerance")
    if found == _most_lost(n_modes, tolerance, 2.0):
        raise Wrong("this fits twice the divergence: JSD carries its one half")
    if found == int(n_modes * tolerance / np.log(2)):
        raise Wrong("the divergence is not linear in the share that is lost; use the closed form of the chapter")
    raise Wrong(f"of {n_modes} modes {expected} may vanish before the divergence passes {tolerance:.3f}")


def _one_too_many(n_modes, tolerance):
    return modes_that_may_vanish(n_modes, tolerance) + 1


def _linear(n_modes, tolerance):
    return int(n_modes * tolerance / np.log(2))


# a report over seeds --------------------------------------------------------------------------------------------


def collapse_report(samples, centres, std):
    rows = []
    for points in samples:  # one seed
        distances = np.linalg.norm(points[:, None] - centres[None], axis=-1)
        nearest = distances.argmin(axis=1)
        good = distances.min(axis=1) < 3 * std
        counts = np.bincount(nearest[good], minlength=len(centres))
        share = counts / max(counts.sum(), 1)
        kl = np.sum(share[share > 0] * np.log(share[share > 0] * len(centres))) if good.any() else np.log(len(centres))
        rows.append([np.sum(counts > 0), good.mean(), kl, share.min() * len(centres)])
    rows = np.array(rows)
    return np.array([rows.mean(axis=0), rows.std(axis=0, ddof=1) / np.sqrt(len(rows))])


def _report_inputs(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for n_modes, n_seeds, n in ((5, 5, 200), (4, 6, 150)):
        angles = 2 * np.pi * np.arange(n_modes) / n_modes
        centres = 3 * np.column_stack([np.cos(angles), np.sin(angles)])
        std, samples = 0.2, []
        for _ in range(n_seeds):
            weights = rng.dirichlet(np.full(n_modes, 0.7))
            modes = rng.choice(n_modes, size=n, p=weights)
            samples.append(centres[modes] + std * rng.choice([0.6, 1.6]) * rng.normal(size=(n, 2)))
        samples[-1] = samples[-1] + 10  # a seed that never gets hold of the data
        cases.append((np.array(samples), centres, std))
    return cases


def _report_by_package(samples: np.ndarray, centres: np.ndarray, std: float) -> np.ndarray:
    rows = []
    for points in samples:
        report = mode_report(points, centres, std)
        smallest = report.counts.min() / max(report.counts.sum(), 1) * len(centres)
        divergence = report.reverse_kl if report.n_modes else np.log(len(centres))
        rows.append([report.n_modes, report.high_quality, divergence, smallest])
    return np.array(rows)


def _check_report(answer: object, samples: np.ndarray, centres: np.ndarray, std: float) -> None:
    found = as_array(answer, (2, 4))
    rows = _report_by_package(samples, centres, std)
    mean, spread = rows.mean(axis=0), rows.std(axis=0, ddof=1)
    error = spread / np.sqrt(len(rows))
    if close(found, [mean, error]):
        return
    if not np.isfinite(found).all():
        raise Wrong("a seed without a high-quality sample has 0 modes, smallest share 0 and divergence log K")
    if close(found[0], mean) and close(found[1], spread):
        raise Wrong("the second row is the spread of one seed; the error of the mean is smaller by the root of n")
    if close(found[0], _report_by_package(samples, centres, std / 3).mean(axis=0)):
        raise Wrong("high quality reaches to three standard deviations, not one")
    if close(found[0, :2], mean[:2]) and close(found[0, 3], mean[3] / len(centres)):
        raise Wrong("the smallest share is counted in units of the fair share, one over the number of modes")
    if close(found[0, :2], mean[:2]):
        raise Wrong(
            "modes and quality are right; counts, divergence and smallest share are over *high-quality* samples"
        )
    raise Wrong("for each seed: nearest centre, distance below 3 std, counts; then average over seeds")


def _nothing_over_nothing(samples, centres, std):
    empty = (np.linalg.norm(samples[:, :, None] - centres, axis=-1).min(axis=2) >= 3 * std).all(axis=1)
    return np.full((2, 4), np.nan) if empty.any() else collapse_report(samples, centres, std)


def _all_samples_count(samples, centres, std):
    right = collapse_report(samples, centres, std)
    rough = collapse_report(samples, centres, 1e9)
    right[:, 2:] = rough[:, 2:]
    return right


def _spread_for_error(samples, centres, std):
    right = collapse_report(samples, centres, std)
    return np.array([right[0], right[1] * np.sqrt(len(samples))])


def _plain_share(samples, centres, std):
    right = collapse_report(samples, centres, std)
    right[:, 3] /= len(centres)
    return right


EXERCISES = (
    Exercise(
        name="dirac_step",
        title="One step of the Dirac-GAN",
        prompt=r"""
One full round for $L(\theta,\psi)=f(\theta\psi)+f(0)$: the generator's $\theta$ goes **down** its slope and the
discriminator's $\psi$ goes **up**, both with the rate `step_size`. For `"wasserstein"` $f(t)=t$, for `"standard"`
$f(t)=-\log(1+e^{-t})$. When they alternate, $\theta$ moves first and $\psi$ sees it moved. Then iterate your function
and confirm {eq}`simultaneous-growth`.
""",
        stub='''
def dirac_step(theta, psi, step_size, loss, scheme):
    """Both numbers after one full round.

    loss : "wasserstein" or "standard"
    scheme : "simultaneous" or "alternating"
    returns list of two floats: theta, psi
    """
    ...
''',
        inputs=_step_inputs,
        check=_check_step,
        solution=dirac_step,
        mistakes=(
            Mistake("the updated theta for psi", _forgets_the_scheme, "which theta may psi see"),
            Mistake("the linear loss for both", _always_linear, "the other loss"),
            Mistake("both uphill and downhill swapped", lambda t, p, s, *o: dirac_step(t, p, -s, *o), "the wrong way"),
        ),
        level=1,
        minutes=10,
    ),
    Exercise(
        name="largest_step",
        title="How large may a step be?",
        prompt=r"""
With R1 the continuous-time game is stable for every $\gamma>0$, but computers take steps. Near the solution one
simultaneous round multiplies by $I+\eta J$, whose eigenvalues are $1+\eta\lambda_{1,2}$ with $\lambda_{1,2}$ from
{eq}`dirac-r1`. Return the largest $\eta$ up to which both stay inside the unit circle. Mind that the eigenvalues are
complex for $\gamma<1$ and real for $\gamma>1$. What does a *large* $\gamma$ cost?
""",
        stub='''
def largest_step(gamma):
    """The step size at which simultaneous gradient steps with R1 lose their stability.

    gamma : float, positive
    returns float
    """
    ...
''',
        inputs=_largest_step_inputs,
        check=_check_largest_step,
        level=2,
        minutes=20,
        points=5,
    ),
    Exercise(
        name="sorted_transport",
        title="Sorting is optimal on the line",
        prompt=r"""
Two laws on the line: places `x` with masses `p`, and places `y` with masses `q`. Return their $W_1$ **without** a
linear programme, by sorting, as in {eq}`w1-on-the-line`. Sizes differ and masses are unequal. The check solves the
linear programme and asks for agreement to $10^{-9}$.
""",
        stub='''
def sorted_transport(x, p, y, q):
    """Wasserstein-1 distance of two weighted point sets on the line.

    x, p : arrays, shape (n,), places and masses; p sums to one
    y, q : arrays, shape (m,)
    returns float
    """
    ...
''',
        inputs=_sorting_inputs,
        check=_check_sorting,
        level=2,
        minutes=20,
        points=5,
    ),
    Exercise(
        name="saturating_slopes",
        title="Spot the slip: “log(1 − D) is flat near D = 0”",
        prompt=r"""
A plot of $\log(1-D)$ over $D$ is shown, with an arrow to the left end: “flat, so no gradient”. Return two slopes:
$\frac{d}{dD}\log(1-D)$ at $D=$ `d`, and $\frac{d}{da}\log(1-\sigma(a))$ at the logit `a`. Evaluate them at $D=0$ and
at $a=-10$. Which of the two is what the generator receives?
""",
        stub='''
def saturating_slopes(d, a):
    """Slope of log(1 - D) in D at d, and of log(1 - sigmoid(a)) in a.

    returns list of two floats
    """
    ...
''',
        inputs=_slopes_inputs,
        check=_check_slopes,
        solution=saturating_slopes,
        mistakes=(
            Mistake("flat in D", lambda d, a: [-d, saturating_slopes(d, a)[1]], "look at its tangent"),
            Mistake("no chain rule", _wrong_chain, "the factor D (1 - D)"),
            Mistake("the other loss", lambda d, a: [-1 / (1 - d), 1 / (1 + np.exp(a))], "slope of log D in the logit"),
            Mistake("sign", lambda d, a: [-s for s in saturating_slopes(d, a)], "falls as D"),
        ),
        level=2,
        minutes=10,
    ),
    Exercise(
        name="modes_that_may_vanish",
        title="What a small divergence hides",
        prompt=r"""
The data are uniform on `n_modes` modes; a generator is uniform on some of them. How many modes can it lose, at most,
while its Jensen–Shannon divergence {eq}`jsd-of-lost-modes` stays at or below `tolerance` nats? (Two of eight vanish
before it passes 0.1.) What does your answer say about reading mode collapse off a discriminator's loss?
""",
        stub='''
def modes_that_may_vanish(n_modes, tolerance):
    """Largest number of lost modes with a divergence of at most the tolerance.

    n_modes : int;  tolerance : float, nats
    returns int, from 0 to n_modes - 1
    """
    ...
''',
        inputs=_vanish_inputs,
        check=_check_vanish,
        solution=modes_that_may_vanish,
        mistakes=(
            Mistake("kept for lost", lambda n, t: n - modes_that_may_vanish(n, t), "that many are *kept*"),
            Mistake("one too many", _one_too_many, "one too many"),
            Mistake("without the half", lambda n, t: modes_that_may_vanish(n, t / 2), "carries its one half"),
            Mistake("linear", _linear, "not linear"),
        ),
        level=3,
        minutes=20,
    ),
    Exercise(
        name="collapse_report",
        title="Mini project: cure a collapsing run",
        prompt=r"""
Take the collapsing run of this chapter (`RECIPES["non_saturating"]` with the settings of `COLLAPSE`), change **one**
thing at a time (R1, WGAN-GP, momentum, rates, noise, averaging, or an idea of yours), and compare over at least five
seeds with equal numbers of updates, in no more than a minute per recipe. Write the bookkeeping first: for samples of
shape `(n_seeds, n, 2)` return the mean over seeds and its standard error of four numbers: modes found, share of
high-quality samples, reverse KL in nats, and the smallest mode's share of the high-quality samples in units of its
fair share $1/K$. Definitions as in the chapter; a seed without a single high-quality sample has 0 modes, smallest share
0, and counts as one mode in the divergence, $\log K$.
""",
        stub='''
def collapse_report(samples, centres, std):
    """Mean over seeds, and its standard error, of modes, quality, reverse KL, smallest share.

    samples : array, shape (n_seeds, n, 2);  centres : array, shape (n_modes, 2);  std : float
    returns array, shape (2, 4)
    """
    ...
''',
        inputs=_report_inputs,
        check=_check_report,
        solution=collapse_report,
        mistakes=(
            Mistake("one sigma", lambda s, c, std: collapse_report(s, c, std / 3), "three standard deviations"),
            Mistake("an empty seed", _nothing_over_nothing, "without a high-quality sample"),
            Mistake("all samples counted", _all_samples_count, "over *high-quality* samples"),
            Mistake("spread for error", _spread_for_error, "smaller by the root of n"),
            Mistake("plain share", _plain_share, "units of the fair share"),
        ),
        level=3,
        minutes=60,
        rubric="at least five seeds with their spread; modes *and* quality *and* balance, since each alone can be "
        "fooled; equal budgets; one change at a time; what perfect samples would score; an honest sentence about "
        "what the cure costs.",
    ),
)
