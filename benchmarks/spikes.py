"""Spikes of negative coverage in simulated years: recall, false alerts, delay, beside a detector that knows the true rates.

    python -m benchmarks.spikes [--years 3] [--series 40] [--seed 1] [--rival-years 1]

ElastAlert 2's own spike rule is run on the same events where it is installed. It needs an older client of Elasticsearch than this
project, so it has an environment of its own, from which this script is then run:

    python3.11 -m venv /tmp/rival && /tmp/rival/bin/pip install elastalert2==2.19.0 pytz "numpy<2" scipy
    PYTHONPATH=. /tmp/rival/bin/python -m benchmarks.spikes

Each series is hourly at 0.5 to 20 negatives a day, with hours of the day, weekdays, Tết, growth and over-dispersion (a gamma-distributed
busyness of each day, and of each stretch of three hours), and has three spikes that last 6 to 24 hours and add at least 10 articles
and 5 times the expectation. Sixty days come before, not judged. Alerts within a spike or until 6 hours behind it find it.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

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


def elastalert_begins(year: Year, height: float, least: int, hours: int) -> np.ndarray:
    """Where ElastAlert 2's spike rule begins an alert: `hours` against the `hours` before, `height` times as many, at least `least`."""
    from elastalert.ruletypes import SpikeRule

    begins = np.zeros(year.values.shape, bool)
    moments = [datetime.fromtimestamp(int(start), UTC) for start in year.starts]
    for column in range(year.values.shape[1]):
        rule = SpikeRule(
            {
                "timeframe": timedelta(hours=hours),
                "spike_height": height,
                "spike_type": "up",
                "threshold_cur": least,
                "timestamp_field": "ts",
            }
        )
        for row, (moment, count) in enumerate(zip(moments, year.values[:, column].tolist(), strict=True)):
            rule.add_count_data({moment: int(count)})
            if rule.matches:
                rule.matches.clear()
                begins[row, column] = True
    return begins


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
    parser.add_argument("--rival-years", type=int, default=1, help="of the simulated years, how many ElastAlert 2 is run on")
    arguments = parser.parse_args()
    years = [simulate(np.random.default_rng(arguments.seed + i), arguments.series) for i in range(arguments.years)]
    total = 3 * arguments.series * arguments.years
    oracles = [oracle_surprise(year) for year in years]
    print("oracle (true rates and spread):")
    curve = []
    for threshold in np.arange(9, 15.1, 0.5):
        grades = [grade(begins_of(o, threshold), y.spikes) for o, y in zip(oracles, years, strict=True)]
        curve.append(report(f"  threshold {threshold:g}", grades, total, arguments.years))
    oracle = recall_at(curve, 4.0)
    print("Điểm Báo, by budget of false alerts a year over all series:")
    curve = []
    for budget in (0.5, 1, 2, 3, 4, 6, 8, 16):
        begun = time.perf_counter()
        grades = []
        for year in years:
            detector = Detector(3600, arguments.series, budget / arguments.series, pool=True)
            grades.append(grade(detector.update(year.starts, year.values).alert, year.spikes))
        rows = sum(year.values.size for year in years)
        told = report(f"  budget {budget}", grades, total, arguments.years, f", {rows / (time.perf_counter() - begun):,.0f} rows/s")
        curve.append(told)
        if budget == 4:
            default = told
    own = recall_at(curve, 4.0)
    print(f"at 4 false alerts a year: the oracle {oracle:.3f}, Điểm Báo {own:.3f} ({own / oracle:.3f} of it); "
          f"with the default budget {default[1]:.3f} ({default[1] / oracle:.3f} of it) at {default[0]:.1f} false")  # fmt: skip
    try:
        import elastalert  # noqa: F401
    except ImportError:
        print("ElastAlert 2 is not installed here: see the top of this file for how to run it beside")
        return
    some = years[: arguments.rival_years]
    print(f"ElastAlert 2 spike, {len(some)} of the years, 24 hours against the 24 before:")
    for least in (4, 10, 15):
        for height in (3, 5, 8, 12):
            grades = [grade(elastalert_begins(year, height, least, 24), year.spikes) for year in some]
            report(f"  height {height}, at least {least}", grades, 3 * arguments.series * len(some), len(some))


def recall_at(curve: list[tuple[float, float]], false: float) -> float:
    """The recall at so many false alerts a year, between the measured points."""
    ordered = sorted(curve)
    return float(np.interp(false, [one for one, _ in ordered], [recall for _, recall in ordered]))


def report(name: str, grades: list[tuple[int, int, list[int]]], total: int, years: int, more: str = "") -> tuple[float, float]:
    """Prints what was found; (false alerts a year, recall)."""
    delays = [delay for _, _, own in grades for delay in own]
    print(f"{name}: recall {sum(g[0] for g in grades) / total:.3f}, {sum(g[1] for g in grades) / years:.1f} false a year, "
          f"median delay {np.median(delays) if delays else float('nan'):.0f} h{more}", flush=True)  # fmt: skip
    return sum(g[1] for g in grades) / years, sum(g[0] for g in grades) / total


if __name__ == "__main__":
    main()
