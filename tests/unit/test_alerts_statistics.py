"""The detector: causal, independent of how rows are cut into calls, calibrated, and calm about what it does not know."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import nbinom

from alerts.holidays import is_holiday, lunar_months, tet
from alerts.statistics import Detector, _count_surprise
from alerts.volumes import Peaks

START = (date(2026, 3, 2).toordinal() - 719163) * 86400


def hours(days: int, step: int = 3600) -> np.ndarray:
    return START + np.arange(days * 86400 // step) * step


def counts(days: int, series: int, a_day: float, seed: int) -> np.ndarray:
    """Over-dispersed hourly counts with a busy day time."""
    rng = np.random.default_rng(seed)
    hour = np.arange(days * 24) % 24
    shape = np.where((hour >= 7) & (hour < 20), 1.7, 0.2)
    busy = np.repeat(rng.gamma(6, 1 / 6, (days, series)), 24, axis=0)
    return rng.poisson(a_day / 24 * shape[:, None] * busy).astype(float)


@pytest.mark.parametrize("kind", ["count", "volume"])
def test_the_verdict_does_not_depend_on_how_rows_are_cut_into_calls(kind: str) -> None:
    values = counts(40, 2, 6, 1) * (1 if kind == "count" else 913.37)
    values[700:706] += 20 * (1 if kind == "count" else 913.37)
    whole = Detector(3600, 2, 1.0).update(hours(40), values)
    detector, parts, at = Detector(3600, 2, 1.0), [], 0
    rng = np.random.default_rng(2)
    while at < len(values):
        size = int(rng.integers(1, 60))
        parts.append(detector.update(hours(40)[at : at + size], values[at : at + size]))
        at += size
    for name in ("expected", "score", "alert", "open", "probability"):
        np.testing.assert_allclose(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name), rtol=1e-9, atol=1e-12)


def test_a_row_is_judged_on_itself_and_earlier_rows_only() -> None:
    values = counts(30, 1, 4, 3)
    later = values.copy()
    later[500:] = 40
    first, second = (Detector(3600, 1, 1.0).update(hours(30), v) for v in (values, later))
    for name in ("expected", "score", "alert"):
        np.testing.assert_array_equal(getattr(first, name)[:500], getattr(second, name)[:500])
    assert second.alert[500:503].any()


def test_series_are_judged_independently() -> None:
    values = counts(30, 3, 4, 4)
    together = Detector(3600, 3, 0.5).update(hours(30), values)
    alone = Detector(3600, 1, 0.5).update(hours(30), values[:, 1:2])
    np.testing.assert_allclose(together.score[:, 1], alone.score[:, 0])


def test_a_spike_gives_one_alert_that_ends_before_the_next_begins() -> None:
    values = counts(90, 1, 5, 5)
    for at in (50 * 24, 70 * 24):
        values[at : at + 10] += 3
    judged = Detector(3600, 1, 0.1).update(hours(90), values)
    begins = np.flatnonzero(judged.alert[:, 0])
    assert len(begins) == 2
    assert all(at <= begin < at + 6 for begin, at in zip(begins, (50 * 24, 70 * 24), strict=True))
    assert not judged.open[60 * 24, 0]
    assert judged.score[begins, 0].min() > 0.4


def test_chance_stays_within_the_budget() -> None:
    """Two years of 20 series without any spike: about the budget of false alerts, not many times it."""
    judged = Detector(3600, 20, 4 / 20).update(hours(730), counts(730, 20, 5, 6))
    assert judged.alert.sum() <= 20  # 8 are the budget


def test_missing_rows_are_not_silence_and_their_return_is_no_spike() -> None:
    values = counts(60, 1, 12, 7)
    values[40 * 24 : 47 * 24] = np.nan
    judged = Detector(3600, 1, 0.5).update(hours(60), values)
    before, after = judged.expected[39 * 24 : 40 * 24].sum(), judged.expected[48 * 24 : 49 * 24].sum()
    assert after == pytest.approx(before, rel=0.35)
    assert not judged.alert[40 * 24 :].any()


def test_the_return_after_tet_is_no_spike() -> None:
    values = counts(150, 4, 20, 8)
    first = (tet(2027) - date(2026, 12, 1)).days
    starts = (date(2026, 12, 1).toordinal() - 719163) * 86400 + np.arange(150 * 24) * 3600
    quiet = slice((first - 2) * 24, (first + 7) * 24)
    values[quiet] = np.random.default_rng(9).binomial(values[quiet].astype(int), 0.3)
    judged = Detector(3600, 4, 0.5).update(starts, values)
    assert not judged.alert[(first + 7) * 24 : (first + 14) * 24].any()


def test_few_articles_are_never_an_alert() -> None:
    values = np.zeros((60 * 24, 1))
    values[::240] = 1
    values[1000:1003] = 1
    assert not Detector(3600, 1, 4.0, minimum=5).update(hours(60), values).alert.any()
    assert Detector(3600, 1, 4.0, minimum=3).update(hours(60), values).alert.any()


def test_a_silent_series_that_speaks_up_is_an_alert() -> None:
    values = np.zeros((30 * 24, 1))
    values[29 * 24 : 29 * 24 + 4] = 3
    assert Detector(3600, 1, 1.0).update(hours(30), values).alert.sum() == 1


def test_the_first_day_has_no_expectation_and_the_second_a_cautious_one() -> None:
    values = counts(3, 1, 10, 10)
    judged = Detector(3600, 1, 1.0).update(hours(3), values)
    assert np.isnan(judged.expected[:24]).all()
    assert judged.expected[24:48].sum() == pytest.approx(values[:24].sum(), rel=0.01)
    assert judged.dispersion[24, 0] > judged.dispersion[-1, 0]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_a_volume_is_judged_alike_in_any_unit(scale: float) -> None:
    rng = np.random.default_rng(11)
    steps = hours(20, 300)
    values = (100 + 30 * np.sin(np.arange(len(steps)) / 288 * 2 * np.pi) + rng.normal(0, 5, len(steps)))[:, None]
    values[4000:4030] += 150
    judged = Detector(300, 1, 4.0).update(steps, values * scale)
    begins = np.flatnonzero(judged.alert[:, 0])
    assert 4000 <= begins[begins >= 3990][0] < 4010
    assert len(begins) <= 3


def test_the_tails_are_those_of_the_distributions() -> None:
    x, e, inverse = np.array([[3.0, 9.0]]), np.array([[1.2, 2.0]]), np.array([[0.4, 0.1]])
    k = 1 / inverse
    np.testing.assert_allclose(_count_surprise(x, e, inverse), -np.log(nbinom.sf(x - 1, k, k / (k + e))), rtol=1e-9)


@pytest.mark.parametrize("draw", ["normal", "lognormal", "pareto"])
@pytest.mark.parametrize("step", [300, 3600])
def test_the_chance_alerts_of_a_volume_stay_near_the_budget_whatever_its_tail(draw: str, step: int) -> None:
    """A year without any anomaly at a budget of 4; three series of each tail."""
    rows = 365 * 86400 // step
    rng = np.random.default_rng(12)
    noise = {
        "normal": lambda: 1 + 0.1 * rng.normal(size=(rows, 3)),
        "lognormal": lambda: np.exp(0.5 * rng.normal(size=(rows, 3))),
        "pareto": lambda: 1 + rng.pareto(2.5, (rows, 3)),
    }[draw]()
    daily = 100 * (1.5 + np.cos(np.arange(rows) * step / 43200 * np.pi))
    judged = Detector(step, 3, 4.0).update(START + np.arange(rows) * step, daily[:, None] * noise)
    assert judged.alert.sum(axis=0).mean() <= 6


def test_a_shift_of_level_surprises_once_and_a_fall_like_a_rise() -> None:
    rng = np.random.default_rng(13)
    steps = hours(20, 300)
    values = 50 + rng.normal(0, 1, (len(steps), 2))
    values[3000:, 0] += 25
    values[3000:3030, 1] = 0.0
    judged = Detector(300, 2, 4.0).update(steps, values)
    for column in range(2):
        begins = np.flatnonzero(judged.alert[:, column])
        assert next(begin for begin in begins.tolist() if begin >= 2990) in range(3000, 3006)
        assert len(begins) == 1
        assert 600 + judged.score[600:, column].argmax() in range(3000, 3006)


def test_peaks_that_fall_off_as_a_power_are_continued_as_one() -> None:
    rng = np.random.default_rng(14)
    for exponent in (3.0, 6.0):  # a clipped peak makes the tail a little lighter
        peaks = Peaks()
        for peak in 1 + rng.pareto(exponent, 3000):
            peaks.add(float(peak))
        # The chance of twice the least kept peak, against the true one.
        told = peaks.rarity + peaks.slope * np.log(2)
        assert told == pytest.approx(exponent * np.log(2 * peaks.least), rel=0.35)


@pytest.mark.parametrize("copies", [2, 6])
def test_what_little_is_known_of_a_series_leans_on_the_others(copies: int) -> None:
    """Weekends of a third, seen by all series together long before one alone could tell."""
    values = counts(40, copies, 4, 15)
    weekend = (np.arange(40 * 24) // 24 + 0) % 7 >= 5  # START is a Monday
    values[weekend] = np.random.default_rng(16).binomial(values[weekend].astype(int), 0.33)
    together = Detector(3600, copies, 1.0, pool=True).update(hours(40), values).expected
    alone = Detector(3600, copies, 1.0).update(hours(40), values).expected
    last = slice(33 * 24, 35 * 24)
    wanted = 2 * 4 * 0.33
    error = [abs(expected[last].sum(axis=0) - wanted).mean() for expected in (together, alone)]
    assert error[0] < 0.8 * error[1]


def test_references_are_learned_from_and_not_judged() -> None:
    values = counts(40, 3, 4, 17)
    values[900:906, 2] += 50
    judged = Detector(3600, 2, 1.0, references=1).update(hours(40), values)
    assert judged.expected.shape == judged.alert.shape == (960, 2)
    alone = Detector(3600, 1, 1.0, references=1).update(hours(40), values[:, [0, 2]])
    np.testing.assert_allclose(judged.score[:, 0], alone.score[:, 0])
    without = Detector(3600, 2, 1.0).update(hours(40), values[:, :2])
    assert not np.allclose(judged.expected[600:], without.expected[600:])


def test_articles_that_come_in_groups_are_told_from_busy_times() -> None:
    """Variance of clusters grows with the mean, that of busy times with its square."""
    rng = np.random.default_rng(18)
    rates = np.exp(rng.uniform(np.log(0.05), np.log(1.0), 30))
    grouped = rng.poisson(rates / 2, (200 * 24, 30))
    grouped = grouped + np.roll(rng.binomial(grouped, 0.5), 1, axis=0) + rng.binomial(grouped, 0.5)
    busy = rng.poisson(rates * np.repeat(rng.gamma(4, 0.25, (200, 30)), 24, axis=0))
    found = []
    for values in (grouped, busy):
        detector = Detector(3600, 30, 0.1, pool=True, holidays=False)
        detector.update(hours(200), values.astype(float))
        found.append((float(detector._cluster[4, 0]), float(detector._dispersion[4].mean())))
    assert found[0][0] > 0.3
    assert found[0][1] < 0.1
    assert found[1][0] < 0.15
    assert found[1][1] > 0.15


@pytest.mark.parametrize(
    "day",
    ["1985-01-21", "2007-02-17", "2016-02-08", "2017-01-28", "2018-02-16", "2019-02-05", "2020-01-25", "2021-02-12", "2022-02-01",
     "2023-01-22", "2024-02-10", "2025-01-29", "2026-02-17", "2027-02-06", "2028-01-26", "2030-02-02"],
)  # fmt: skip
def test_tet_falls_on_its_published_day(day: str) -> None:
    wanted = date.fromisoformat(day)
    assert tet(wanted.year) == wanted
    assert is_holiday(wanted)


@pytest.mark.parametrize("day", ["2023-04-29", "2024-04-18", "2025-04-07", "2026-04-26"])
def test_the_hung_kings_day_is_a_holiday(day: str) -> None:
    assert is_holiday(date.fromisoformat(day))


def test_lunar_months_have_29_or_30_days() -> None:
    for year in range(1990, 2060):
        months = [*lunar_months(year), tet(year + 1)]
        assert {(b - a).days for a, b in pairwise(months)} <= {29, 30, 58, 59, 60}


def test_a_detector_refuses_what_makes_no_sense() -> None:
    for step, series, budget in ((0, 1, 1.0), (60, 0, 1.0), (60, 1, 0.0)):
        with pytest.raises(ValueError, match="positive"):
            Detector(step, series, budget)
