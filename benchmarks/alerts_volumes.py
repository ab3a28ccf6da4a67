"""Scores of `diembao alerts backtest` on simulated volumes that are not of news, by the rules of the Numenta Anomaly Benchmark.

    python -m benchmarks.alerts_volumes [--seeds 3] [--seed 1]

Seven families of series, drawn at random: mentions of companies, taxi rides, requests, processor load, travel times, prices of
advertisements, temperatures of a machine. Each has anomalies (bursts, drops, shifts of level, odd days) and what is none (noise with
heavy tails, small bursts, drift). Scoring after A. Lavin and S. Ahmad, Evaluating Real-time Anomaly Detection Algorithms (2015),
standard profile: a window of a tenth of the rows is shared by the anomalies of a series and centred on them, the first row above
the threshold in a window counts, the earlier the more, every row above it outside costs 0.11, a window without any costs 1, the first
15 % of the rows (at most 750) are not scored, one threshold for all series; 0 is a detector that says nothing, 100 a perfect one.
No data of that benchmark are used, here or for any constant of the detector. The windowed Gaussian is its plain baseline.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from alerts.backtest import step_of
from alerts.statistics import Detector

START = 1393632000
"""1 March 2014, a Saturday."""


@dataclass
class Volume:
    """One series: seconds, values and the first and last row of each anomaly."""

    family: str
    times: np.ndarray
    values: np.ndarray
    anomalies: list[tuple[int, int]]


def _clock(rows: int, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    times = START + np.arange(rows) * step
    return times, times % 86400 / 3600, (times // 86400 + 3) % 7


def _places(rng: np.random.Generator, rows: int, count: int, apart: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        at = int(rng.integers(int(rows * 0.2), int(rows * 0.95)))
        if all(abs(at - other) > apart for other in found):
            found.append(at)
    return sorted(found)


def _wander(rng: np.random.Generator, rows: int, memory: float) -> np.ndarray:
    """Noise with variance 1 that forgets within `memory` rows."""
    keep = np.exp(-1 / memory)
    out = np.empty(rows)
    level = rng.normal()
    for row, shock in enumerate(rng.normal(size=rows) * np.sqrt(1 - keep * keep)):
        level = keep * level + shock
        out[row] = level
    return out


def mentions(rng: np.random.Generator) -> Volume:
    """Counts in five minutes with a daily shape and many small bursts; anomalies are bursts of hours."""
    rows = 15900
    times, hour, day = _clock(rows, 300)
    level = np.exp(rng.uniform(np.log(4), np.log(80)))
    shape = 1 + rng.uniform(0.2, 0.8) * np.cos((hour - rng.uniform(13, 21)) / 24 * 2 * np.pi)
    rate = level * shape * np.where(day >= 5, rng.uniform(0.6, 1), 1.0) * np.exp(0.25 * _wander(rng, rows, 100))
    for at in rng.integers(0, rows - 40, 60):
        length = int(rng.integers(1, 12))
        rate[at : at + length] *= 1 + rng.pareto(2.5)
    anomalies = []
    for at in _places(rng, rows, int(rng.integers(2, 5)), 1500):
        length = int(rng.integers(12, 60))
        peak = rng.uniform(4, 20)
        rate[at : at + length] *= 1 + peak * np.exp(-np.arange(length) / (length / 3))
        anomalies.append((at, at + length))
    k = rng.uniform(3, 15)
    return Volume("mentions", times, rng.poisson(rate * rng.gamma(k, 1 / k, rows)).astype(float), anomalies)


def rides(rng: np.random.Generator) -> Volume:
    """Counts in half an hour with strong days and weeks; anomalies are odd days."""
    rows = 10300
    times, hour, day = _clock(rows, 1800)
    base = 15000 * (1 + 0.6 * np.cos((hour - 19) / 12 * np.pi) + 0.25 * np.cos((hour - 9) / 6 * np.pi))
    weekend = day >= 5
    base = np.maximum(np.where(weekend, 15000 * (1 + 0.5 * np.cos((hour - 22) / 12 * np.pi)), base), 1500)
    values = base * np.exp(0.04 * _wander(rng, rows, 20) + 0.05 * _wander(rng, rows, 700))
    anomalies = []
    for at in _places(rng, rows, 5, 500):
        length = int(rng.integers(16, 60))
        values[at : at + length] *= rng.choice([rng.uniform(0.35, 0.65), rng.uniform(1.35, 1.7)])
        anomalies.append((at, at + length))
    return Volume("rides", times, np.round(values), anomalies)


def requests(rng: np.random.Generator) -> Volume:
    """Requests in five minutes, heavy-tailed; anomalies are surges and stops."""
    rows = 4032
    times, hour, _ = _clock(rows, 300)
    values = 60 * (1 + 0.5 * np.cos((hour - 15) / 12 * np.pi)) * np.exp(0.5 * rng.normal(size=rows) + 0.2 * _wander(rng, rows, 50))
    values[rng.integers(0, rows, 25)] *= rng.uniform(1.5, 3.5, 25)
    anomalies = []
    for at in _places(rng, rows, 2, 600):
        length = int(rng.integers(6, 40))
        values[at : at + length] = values[at : at + length] * rng.uniform(4, 8) if rng.random() < 0.7 else 0.0
        anomalies.append((at, at + length))
    return Volume("requests", times, np.round(values), anomalies)


def load(rng: np.random.Generator) -> Volume:
    """Percent of a processor; anomalies are spikes and shifts of level that stay."""
    rows = 4032
    times, _, _ = _clock(rows, 300)
    level = rng.uniform(2, 60)
    values = level + level * rng.uniform(0.01, 0.08) * rng.normal(size=rows)
    if rng.random() < 0.5:
        values[:: int(rng.integers(12, 72))] *= rng.uniform(1.1, 1.5)
    anomalies = []
    for at in _places(rng, rows, int(rng.integers(1, 4)), 700):
        if rng.random() < 0.5:
            length = int(rng.integers(1, 8))
            values[at : at + length] += level * rng.uniform(0.4, 1.5)
        else:
            length = 40
            values[at:] += level * rng.choice([-0.35, -0.2, 0.3, 0.6])
        anomalies.append((at, at + length))
    return Volume("load", times, np.round(np.clip(values, 0, 100), 3), anomalies)


def travel(rng: np.random.Generator) -> Volume:
    """Seconds of travel at irregular times, with rush hours and single slow cars; anomalies are jams at odd hours."""
    rows = 2500
    times = START + np.cumsum(rng.choice([300, 300, 300, 600, 900, 3000], rows))
    hour, day = times % 86400 / 3600, (times // 86400 + 3) % 7
    rush = np.where(day < 5, np.exp(-((hour - 8) ** 2) / 2) + np.exp(-((hour - 17.5) ** 2) / 3), 0.0)
    values = 90 * (1 + 1.5 * rush * rng.gamma(2, 0.5, rows)) * np.exp(0.12 * rng.normal(size=rows))
    values[rng.integers(0, rows, 40)] *= rng.uniform(1.3, 3.0, 40)
    anomalies = []
    for at in _places(rng, rows, int(rng.integers(1, 4)), 400):
        length = int(rng.integers(5, 25))
        values[at : at + length] *= rng.uniform(4, 9)
        anomalies.append((at, at + length))
    return Volume("travel", times, np.round(values), anomalies)


def prices(rng: np.random.Generator) -> Volume:
    """Hourly price of an advertisement; anomalies are hours of several times the price."""
    rows = 1600
    times, hour, _ = _clock(rows, 3600)
    values = 0.5 * (1 + 0.3 * np.cos((hour - 16) / 12 * np.pi)) * np.exp(0.25 * rng.normal(size=rows) + 0.2 * _wander(rng, rows, 100))
    anomalies = []
    for at in _places(rng, rows, int(rng.integers(1, 4)), 300):
        length = int(rng.integers(1, 6))
        values[at : at + length] *= rng.uniform(3, 10)
        anomalies.append((at, at + length))
    return Volume("prices", times, values, anomalies)


def temperature(rng: np.random.Generator) -> Volume:
    """Temperature each five minutes, wandering slowly; anomalies are deep falls that are built up over hours."""
    rows = 15000
    times, hour, _ = _clock(rows, 300)
    values = 85 + 4 * _wander(rng, rows, 800) + 1.2 * _wander(rng, rows, 20) + np.cos((hour - 15) / 12 * np.pi)
    anomalies = []
    for at in _places(rng, rows, int(rng.integers(2, 5)), 2000):
        length = int(rng.integers(60, 300))
        values[at : at + length] -= rng.uniform(25, 60) * np.sin(np.linspace(0, np.pi, length)) ** 0.7
        anomalies.append((at, at + length))
    return Volume("temperature", times, values, anomalies)


FAMILIES: dict[str, tuple[Callable[[np.random.Generator], Volume], int]] = {
    "mentions": (mentions, 10), "rides": (rides, 2), "requests": (requests, 4), "load": (load, 10), "travel": (travel, 6),
    "prices": (prices, 6), "temperature": (temperature, 2),
}  # fmt: skip


def simulate(seed: int) -> list[Volume]:
    rng = np.random.default_rng(seed)
    return [make(rng) for make, count in FAMILIES.values() for _ in range(count)]


def windows(volume: Volume) -> list[tuple[int, int]]:
    rows = len(volume.values)
    width = int(0.1 * rows / len(volume.anomalies))
    return [(max(0, first - width // 2), min(rows - 1, first + width // 2)) for first, _ in volume.anomalies]


def _sigmoid(place: np.ndarray) -> np.ndarray:
    return np.where(place > 3, -1.0, 2 / (1 + np.exp(5 * np.minimum(place, 3))) - 1)


def nab(volumes: list[Volume], scores: list[np.ndarray]) -> tuple[float, float, dict[str, float]]:
    """(best score, its threshold, score by family at it)."""
    thresholds = np.unique(np.quantile(np.concatenate(scores), 1 - np.geomspace(1e-5, 0.02, 120)))
    gained = np.array(
        [[_gain(volume, score, threshold) for volume, score in zip(volumes, scores, strict=True)] for threshold in thresholds]
    )
    count = np.array([len(volume.anomalies) for volume in volumes])
    total = 100 * (gained.sum(axis=1) + count.sum()) / (2 * count.sum())
    best = int(total.argmax())
    families = {}
    for name in FAMILIES:
        here = np.array([volume.family == name for volume in volumes])
        families[name] = float(100 * (gained[best][here].sum() + count[here].sum()) / (2 * count[here].sum()))
    return float(total[best]), float(thresholds[best]), families


def _gain(volume: Volume, score: np.ndarray, threshold: float) -> float:
    rows = len(score)
    over = np.flatnonzero(score >= threshold)
    over = over[over >= min(int(0.15 * rows), 750)]
    gain = 0.0
    outside = np.ones(len(over), bool)
    place = np.full(len(over), 4.0)
    for first, last in windows(volume):
        inside = (over >= first) & (over <= last)
        outside &= ~inside
        if inside.any():
            at = -(last - over[inside][0] + 1) / (last - first + 1)
            gain += float(_sigmoid(np.array([at]))[0] / _sigmoid(np.array([-1.0]))[0])
        else:
            gain -= 1.0
        place = np.where(over > last, (over - last) / (last - first + 1), place)
    return gain + 0.11 * float(_sigmoid(place[outside]).sum())


def ours(volume: Volume) -> np.ndarray:
    return Detector(step_of(volume.times), 1, 4.0).update(volume.times, volume.values[:, None]).score[:, 0]


def windowed_gaussian(volume: Volume, size: int = 6400, refresh: int = 100) -> np.ndarray:
    """How far a value lies from the mean of the rows before, two-sided, as that benchmark's baseline of the name does."""
    values, out = volume.values, np.zeros(len(volume.values))
    mean, deviation = 0.0, 1.0
    for row in range(1, len(values)):
        if row < size or row % refresh == 0:
            past = values[max(0, row - size) : row]
            mean, deviation = float(past.mean()), max(float(past.std()), 1e-6)
        out[row] = 1 - 2 * norm.sf(abs(values[row] - mean) / deviation)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for name, detect in (("windowed Gaussian", windowed_gaussian), ("Điểm Báo", ours)):
        volumes = [volume for seed in range(arguments.seeds) for volume in simulate(arguments.seed + seed)]
        begun = time.perf_counter()
        scores = [detect(volume) for volume in volumes]
        rate = sum(len(volume.values) for volume in volumes) / (time.perf_counter() - begun)
        best, threshold, families = nab(volumes, scores)
        told = ", ".join(f"{family} {value:.0f}" for family, value in families.items())
        print(f"{name}: {best:.1f} at threshold {threshold:.4f} ({told}), {rate:,.0f} rows/s", flush=True)


if __name__ == "__main__":
    main()
