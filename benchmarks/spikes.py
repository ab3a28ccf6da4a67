"""Spikes of negative coverage in simulated years: recall, false alerts, delay, beside a detector that knows the true rates.

    python -m benchmarks.spikes [--years 3] [--series 40] [--seed 1]

Each series is hourly at 0.5 to 20 negatives a day, with hours of the day, weekdays, Tết, growth and over-dispersion (a gamma-distributed
busyness of each day, and of each stretch of three hours), and has three spikes that last 6 to 24 hours and add at least 10 articles
and 5 times the expectation. Sixty days come before, not judged. Alerts within a spike or until 6 hours behind it find it.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy.special import betainc

from alerts.holidays import tet_season
from alerts.statistics import WINDOWS, Detector, _window_sums

WARM_UP = 60
START = date(2026, 1, 1)


@dataclass
class Year:
    """Hourly local seconds, counts and true rates (hours, series), spikes [first, last) and the shapes of the noise by series."""

    starts: np.ndarray
    values: np.ndarray
    rates: np.ndarray
    spikes: list[list[tuple[int, int]]]
    day_noise: np.ndarray


def simulate(rng: np.random.Generator, series: int) -> Year:
    days = 365 + WARM_UP
    first = START - timedelta(days=WARM_UP)
    hours = np.arange(days * 24)
    starts = (first.toordinal() - 719163) * 86400 + hours * 3600
    hour, day = hours % 24, hours // 24
    dates = [first + timedelta(days=int(d)) for d in range(days)]
    weekday = np.array([d.weekday() for d in dates])[day]
    quiet = np.array([any(a <= d <= b for a, b in [tet_season(d.year)]) for d in dates])[day]
    values, rates, spikes, noises = [], [], [], []
    for _ in range(series):
        level = np.exp(rng.uniform(np.log(0.5), np.log(20))) / 24
        peak, second = rng.uniform(7, 11), rng.uniform(14, 18)
        shape = 0.15 + np.exp(-((np.arange(24) - peak) ** 2) / 8) + rng.uniform(0.4, 1) * np.exp(-((np.arange(24) - second) ** 2) / 10)
        shape /= shape.mean()
        week = np.where(np.arange(7) >= 5, rng.uniform(0.5, 0.8), 1.1)
        growth = np.exp(np.log(rng.uniform(0.8, 1.6)) * hours / 8760)
        rate = level * shape[hour] * week[weekday] * growth * np.where(quiet, rng.uniform(0.3, 0.6), 1.0)
        k_day, k_part = rng.uniform(3, 12), rng.uniform(2, 8)
        noise = rng.gamma(k_day, 1 / k_day, days)[day] * rng.gamma(k_part, 1 / k_part, len(hours) // 3)[hours // 3]
        counts = rng.poisson(rate * noise)
        found: list[tuple[int, int]] = []
        while len(found) < 3:
            length = int(rng.integers(6, 25))
            at = int(rng.integers(WARM_UP * 24, len(hours) - 48))
            if any(abs(at - other) < 96 for other, _ in found):
                continue
            expectation = rate[at : at + length].sum()
            extra = max(10, 5 * expectation) * rng.uniform(1.0, 1.5)
            weights = np.exp(-np.arange(length) / (length / 2))
            counts[at : at + length] += rng.multinomial(int(np.ceil(extra)), weights / weights.sum())
            found.append((at, at + length))
        values.append(counts)
        rates.append(rate)
        spikes.append(found)
        noises.append((k_day, k_part))
    return Year(starts, np.array(values, float).T, np.array(rates).T, spikes, np.array(noises))


def grade(begins: np.ndarray, spikes: list[list[tuple[int, int]]]) -> tuple[int, int, list[int]]:
    """(found spikes, false alerts, delays in hours) of alert begins (rows, series), warm-up left out."""
    found, false, delays = 0, 0, []
    for column, own in enumerate(spikes):
        rows = np.flatnonzero(begins[:, column])
        rows = rows[rows >= WARM_UP * 24]
        hit = np.zeros(len(rows), bool)
        for first, last in own:
            inside = (rows >= first) & (rows < last + 6)
            hit |= inside
            if inside.any():
                found += 1
                delays.append(int(rows[inside][0] - first))
        false += int((~hit).sum())
    return found, false, delays


def oracle_surprise(year: Year) -> np.ndarray:
    """-ln of the smallest window probability with the true rates and the true spread of each series."""
    pad = max(WINDOWS)
    x, e = (np.concatenate([np.zeros((pad, v.shape[1])), v]) for v in (year.values, year.rates))
    sx, se = (_window_sums(v, len(year.values), np.array(WINDOWS)) for v in (x, e))
    out = np.zeros(year.values.shape)
    for index, window in enumerate(WINDOWS):
        parts = max(1.0, window / 3)
        spread = 1 / year.day_noise[:, 0] + (1 + 1 / year.day_noise[:, 0]) / year.day_noise[:, 1] / parts
        k = np.broadcast_to(1 / spread, sx[index].shape)
        p = betainc(np.maximum(sx[index], 1e-9), k, se[index] / (se[index] + k))
        out = np.maximum(out, np.where(sx[index] >= 4, -np.log(np.maximum(p, 1e-300)), 0))
    return out


def begins_of(surprise: np.ndarray, threshold: float) -> np.ndarray:
    begins = np.zeros(surprise.shape, bool)
    for column in range(surprise.shape[1]):
        calm, is_open = 0, False
        for row in np.flatnonzero(surprise[:, column] > threshold).tolist():
            if is_open and (surprise[calm:row, column] < 3).sum() < 6:
                calm = row
                continue
            begins[row, column], is_open, calm = True, True, row
    return begins


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=3)
    parser.add_argument("--series", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    years = [simulate(np.random.default_rng(arguments.seed + i), arguments.series) for i in range(arguments.years)]
    total = 3 * arguments.series * arguments.years
    oracles = [oracle_surprise(year) for year in years]
    print("oracle (true rates and spread):")
    for threshold in (9, 10, 11, 12, 13, 14, 15):
        grades = [grade(begins_of(o, threshold), y.spikes) for o, y in zip(oracles, years, strict=True)]
        report(f"  threshold {threshold}", grades, total, arguments.years)
    print("Điểm Báo, by budget of false alerts a year over all series:")
    for budget in (1, 2, 4, 8, 16):
        begun = time.perf_counter()
        grades = []
        for year in years:
            detector = Detector(3600, arguments.series, budget / arguments.series, pool=True)
            grades.append(grade(detector.update(year.starts, year.values).alert, year.spikes))
        rows = sum(year.values.size for year in years)
        report(f"  budget {budget}", grades, total, arguments.years, f", {rows / (time.perf_counter() - begun):,.0f} rows/s")


def report(name: str, grades: list[tuple[int, int, list[int]]], total: int, years: int, more: str = "") -> None:
    delays = [delay for _, _, own in grades for delay in own]
    print(f"{name}: recall {sum(g[0] for g in grades) / total:.3f}, {sum(g[1] for g in grades) / years:.1f} false a year, "
          f"median delay {np.median(delays) if delays else float('nan'):.0f} h{more}")  # fmt: skip


if __name__ == "__main__":
    main()
