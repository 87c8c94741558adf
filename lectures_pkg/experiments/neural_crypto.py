"""Alice, Bob and Eve over seeds, with the fresh Eves who come later (chapter ``neural_crypto``).

Hyper-parameters were chosen on other seeds by Bob's and the trained Eve's errors, never by a fresh Eve's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from lectures_pkg.neural_crypto import (
    Players,
    all_words,
    bob_reads,
    cipher_table,
    ciphertext_numbers,
    errors_up_to_sign,
    eve_reads,
    fewest_errors,
    fresh_eve,
    intercept,
    joint_law,
    mutual_information,
    pad_players,
    play,
    product_map,
    read_relations,
    relations,
)

SEEDS = (0, 1, 2, 3, 4)

#: kind, bits, rounds and options of each game of the chapter.
GAMES: dict[str, dict[str, Any]] = {
    "bilinear": {"kind": "bilinear", "n_bits": 16, "n_rounds": 2000},
    "even": {"kind": "bilinear", "n_bits": 16, "n_rounds": 2500, "bias": False},
    "relu": {"kind": "relu", "n_bits": 16, "n_rounds": 6000, "hidden": 96},
    "relu8": {"kind": "relu", "n_bits": 8, "n_rounds": 3000},
}
LARGE: dict[str, Any] = {"hidden": (256, 256, 256), "n_steps": 6000, "learning_rate": 1e-3}  #: the larger fresh Eve


def run(seed: int) -> dict[str, float]:
    """Four games with one seed, and the true pad as the null: about a minute.

    Wrong bits on 20 000 fresh messages: ``…_bob``, ``…_eve`` (who trained along), ``…_fresh`` (128 x 128,
    2000 steps), ``…_large`` (`LARGE`), ``…_relations`` (a fresh Eve asked which bits equal the
    first), ``…_up_to_sign`` (the same Eve's message, or its opposite if that is better).
    """
    found: dict[str, float] = {}
    for name, options in GAMES.items():
        players, _ = play(seed=seed, **options)
        found |= {f"{name}_{key}": value for key, value in readings(players, seed, large=name == "bilinear").items()}
        if name == "bilinear":
            found |= controls(players, seed)
        if name in ("bilinear", "even"):
            view = product_map(players, rng=_rng(seed, 6))
            found |= {f"{name}_product_share": view.share, f"{name}_products_per_bit": view.per_bit}
        if name == "relu8":
            found |= {f"relu8_{key}": value for key, value in table_view(players).items()}
    pad = readings(pad_players(16), seed)
    return found | {f"pad_{key}": value for key, value in pad.items() if key != "eve"}


def readings(players: Players, seed: int, *, large: bool = False, n_steps: int = 2000) -> dict[str, float]:
    """Wrong bits of Bob, of the trained Eve, and of fresh ones, each on fresh messages."""
    found = {"bob": bob_reads(players, rng=_rng(seed, 0)).wrong, "eve": eve_reads(players, rng=_rng(seed, 1)).wrong}
    fresh = fresh_eve(players, seed + 100, n_steps=n_steps)
    found["fresh"] = eve_reads(players, rng=_rng(seed, 2), eve=fresh).wrong
    of_pairs = fresh_eve(players, seed + 200, n_steps=n_steps, target=relations)
    found["relations"] = eve_reads(players, rng=_rng(seed, 3), eve=of_pairs, target=relations).wrong
    message, seen = intercept(players, 20_000, _rng(seed, 3))
    found["up_to_sign"] = errors_up_to_sign(message, read_relations(of_pairs, seen)).mean().item()
    if large:
        found["large"] = eve_reads(players, rng=_rng(seed, 4), eve=fresh_eve(players, seed + 300, **LARGE)).wrong
    return found


def controls(players: Players, seed: int) -> dict[str, float]:
    """A fresh Eve who must read everything: one key for all messages, or the key in her hands."""
    found = {}
    for keys in ("reused", "seen"):
        eve = fresh_eve(players, seed + 400, n_steps=1000, keys=keys)
        found[f"control_{keys}"] = eve_reads(players, rng=_rng(seed, 5), eve=eve, keys=keys).wrong
    return found


def table_view(players: Players) -> dict[str, float]:
    """All 65 536 ciphertexts of an 8-bit Alice: what a table, and what the signs alone, tell (bits; wrong bits)."""
    n_bits = players.n_bits
    table = cipher_table(players.alice, n_bits)
    messages = np.repeat(np.arange(2**n_bits), 2**n_bits)
    signs = joint_law(messages, ciphertext_numbers(table).ravel())
    return {
        "distinct_share": len(np.unique(ciphertext_numbers(table, 3))) / 4**n_bits,
        "sign_information": mutual_information(signs),
        "sign_fewest_errors": fewest_errors(signs, all_words(n_bits)),
    }


def paper_trial(
    seed: int, n_rounds: int, *, batch_size: int = 4096, fresh_steps: int = 2000, large: bool = False
) -> dict[str, float]:
    """One trial with the paper's networks and settings (16 bits, batch 4096, Adam 8e-4, two Eve steps a round).

    Returns
    -------
    dict of str to float
        ``bob``, ``eve``: wrong bits after ``n_rounds``; ``fresh``, ``relations``, ``up_to_sign`` and, if asked for,
        ``large``: see `run`; and, if there is one, ``first_success``: the first round at which the means over the
        last 100 rounds of the soft errors have Bob below 0.05 and Eve above 7.3.
    """
    players, history = play(
        "mix_and_transform", 16, n_rounds, seed, batch_size=batch_size, learning_rate=8e-4, n_eve_steps=2
    )
    width = min(100, n_rounds)
    bob, eve = (np.convolve(history[key], np.ones(width) / width, "valid") for key in ("bob_errors", "eve_errors"))
    reached = np.flatnonzero((bob < 0.05) & (eve > 7.3))
    first = {"first_success": float(reached[0] + width)} if len(reached) else {}
    return first | readings(players, seed, large=large, n_steps=fresh_steps)


def _rng(seed: int, purpose: int) -> torch.Generator:
    return torch.Generator().manual_seed(1000 * seed + purpose)
