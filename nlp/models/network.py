"""Fitting the network on pooled word vectors: Adam, dropout, several networks side by side."""

from __future__ import annotations

import numpy as np

from nlp.models.measures import label_columns
from nlp.models.model import Network, softmax
from nlp.models.ngrams import Floats
from nlp.models.threads import one_thread

_BATCH = 128
_RATE = 2e-3
_DECAY = 0.05
"""Weight decay, as a share of the rate."""

_DROP_INPUT = 0.1
_DROP_HIDDEN = 0.4
"""Shares of inputs and hidden units that are left out of each step."""

_WARM_UP = 100
"""Steps in which the rate rises; then it falls linearly."""

_SPREAD = 4.0
"""Length of a typical standardised input row: what the rate above is made for."""


def fit_network(pooled: Floats, truth: Floats, units: int, rounds: int, networks: int) -> Network:
    """The mean of several networks fitted from different beginnings; the same data give the same networks.

    Args:
        pooled: one row for each headline (`nlp.models.model.pooled_views`).
        truth: its labels (`nlp.models.measures.targets`), or probabilities of them.
        units: hidden units of each network.
        rounds: how often all headlines are seen.
        networks: how many.
    """
    centre = pooled.mean(axis=0)
    scale = (_SPREAD / np.sqrt(pooled.shape[1]) / np.maximum(pooled.std(axis=0), 1e-6)).astype(np.float32)
    inputs = (pooled - centre) * scale
    with one_thread():
        fits = [_fit(inputs, truth, units, rounds, seed) for seed in range(networks)]
    hidden = np.concatenate([fit[0] for fit in fits], axis=1) * scale[:, np.newaxis]
    return Network(
        hidden=hidden,
        hidden_bias=np.concatenate([fit[1] for fit in fits]) - centre @ hidden,
        output=(np.concatenate([fit[2] for fit in fits]) / networks).astype(np.float32),
        output_bias=np.mean([fit[3] for fit in fits], axis=0),
    )


def _fit(inputs: Floats, truth: Floats, units: int, rounds: int, seed: int) -> list[Floats]:
    chance = np.random.default_rng(seed)
    many, width = inputs.shape
    outputs = truth.shape[1]
    weights: list[Floats] = [
        (chance.standard_normal((width, units)) * np.sqrt(2 / width)).astype(np.float32),
        np.zeros(units, np.float32),
        (chance.standard_normal((units, outputs)) * np.sqrt(1 / units)).astype(np.float32),
        np.zeros(outputs, np.float32),
    ]
    means, squares = [np.zeros_like(weight) for weight in weights], [np.zeros_like(weight) for weight in weights]
    batch = min(_BATCH, many)
    steps, step = rounds * (many // batch), 0
    for _ in range(rounds):
        order = chance.permutation(many)
        for begin in range(0, many - batch + 1, batch):
            step += 1
            rows = order[begin : begin + batch]
            given = inputs[rows] * _kept(chance, (batch, width), _DROP_INPUT)
            units_in = given @ weights[0] + weights[1]
            active: Floats = np.where(units_in > 0, _kept(chance, units_in.shape, _DROP_HIDDEN), np.float32(0))
            units_out = np.asarray(units_in * active, np.float32)
            error = (network_probabilities(units_out @ weights[2] + weights[3]) - truth[rows]) / np.float32(batch)
            back = (error @ weights[2].T) * active
            slopes: list[Floats] = [np.asarray(given.T @ back, np.float32), back.sum(axis=0), units_out.T @ error, error.sum(axis=0)]
            rate = _RATE * min(1.0, step / _WARM_UP) * max(0.02, 1 - step / steps)
            correction = np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            for place, slope in enumerate(slopes):
                means[place] += np.float32(0.1) * (slope - means[place])
                squares[place] += np.float32(0.001) * (slope * slope - squares[place])
                weights[place] -= np.float32(rate * correction) * means[place] / (np.sqrt(squares[place]) + np.float32(1e-8))
                if weights[place].ndim == 2:
                    weights[place] *= np.float32(1 - rate * _DECAY)
    return weights


def _kept(chance: np.random.Generator, shape: tuple[int, ...], dropped: float) -> Floats:
    return (chance.random(shape, dtype=np.float32) >= dropped).astype(np.float32) / np.float32(1 - dropped)


def network_probabilities(odds: Floats) -> Floats:
    """Probabilities from rows of OUTPUTS raw scores, columns as in `nlp.models.measures.targets`."""
    sentiment, critical_of = label_columns()
    topics = 1 / (1 + np.exp(-np.clip(odds[:, : sentiment.start], -80, 80)))  # beyond, float32 cannot tell
    return np.concatenate([topics, softmax(odds[:, sentiment]), softmax(odds[:, critical_of])], axis=1)
