"""Speed against other libraries, as ratios of medians taken in turn in one run: ours, theirs, ours, theirs, …

usage: python benchmarks/run.py      (or: make bench)

Machines differ and are noisy, so that only ratios are worth keeping. Larger is faster.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from nltk import lm
from nltk.lm.preprocessing import padded_everygram_pipeline

from lectures_pkg.ngrams import NgramModel
from lectures_pkg.worlds import Grammar

REPEATS = 3
ORDER = 3


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def ratio(theirs: Callable[[], object], ours: Callable[[], object]) -> float:
    """How many times faster ours is: the ratio of medians of calls in turn."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(REPEATS)]
    return statistics.median(pair[1] for pair in pairs) / statistics.median(pair[0] for pair in pairs)


def ngrams() -> Iterable[tuple[str, float]]:
    """N-gram models against nltk.lm on sentences of the agreement grammar."""
    rng = np.random.default_rng(0)
    grammar = Grammar()
    train, test = ([grammar.sample(rng) for _ in range(n)] for n in (8000, 2000))

    def nltk_model() -> lm.MLE:
        model = lm.Lidstone(1.0, ORDER)
        model.fit(*padded_everygram_pipeline(ORDER, train))
        return model

    def nltk_score(model: lm.MLE) -> float:
        padded, _ = padded_everygram_pipeline(ORDER, test)
        return sum(model.logscore(gram[-1], gram[:-1]) for grams in padded for gram in grams if len(gram) == ORDER)

    ours, theirs = NgramModel(ORDER, "add_k").fit(train), nltk_model()
    yield "n-grams, order 3, fit", ratio(nltk_model, lambda: NgramModel(ORDER, "add_k").fit(train))
    yield "n-grams, order 3, score", ratio(lambda: nltk_score(theirs), lambda: ours.token_log_probs(test))


BENCHMARKS: Mapping[str, Callable[[], Iterable[tuple[str, float]]]] = {"nltk": ngrams}


def main() -> None:
    for peer, benchmark in BENCHMARKS.items():
        for name, times in benchmark():
            print(f"{name}: {times:.1f} times as fast as {peer}", flush=True)


if __name__ == "__main__":
    main()
