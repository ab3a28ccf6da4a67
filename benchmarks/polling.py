"""How long an article waits for the next poll of its feed, and how many polls that costs: a simulated week of 300 outlets, no network.

    python -m benchmarks.polling [--outlets 300] [--articles 20000] [--days 7]

Outlets differ in volume (a tenth of them brings about half) and in their hours; articles come at random (Poisson) with the
hours of a Vietnamese newsroom. `crawlers.pace` decides on the first day knowing nothing, so that day is counted too. Beside it: asking
every feed at a fixed interval. A poll takes place when a round of the monitor begins (every 5 minutes).
"""

from __future__ import annotations

import argparse
import random
import statistics
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta

from crawlers.pace import HOURS, Bounds, Habit, learn, next_poll
from diembao.clock import VIETNAM

START = datetime(2026, 11, 16, tzinfo=VIETNAM)
ROUND = timedelta(minutes=5)
EARLY = timedelta(minutes=1)
BY_HOUR = [1, 0.5, 0.4, 0.4, 0.8, 2.5, 5, 6.5, 7, 7, 7, 6.5, 4.5, 5, 6.5, 7, 7, 6.5, 5, 4, 4, 3, 2, 1.5]
"""Weight of each hour of a newsroom's day."""


def volumes(outlets: int, articles: int, chance: random.Random) -> list[float]:
    """Articles a day of each outlet: log-normal, so that a tenth of them brings about half."""
    raw = [chance.lognormvariate(0, 1.1) for _ in range(outlets)]
    return [articles * value / sum(raw) for value in raw]


def week(volume: float, days: int, chance: random.Random) -> list[datetime]:
    """When one outlet publishes; its day is shifted by up to two hours, and its nights are more or less quiet."""
    shift = chance.uniform(-2, 2)
    quiet = chance.choice([0.0, 1.0, 1.0])
    weights = [weight if weight > 2 else weight * quiet for weight in BY_HOUR]
    total = sum(weights)
    moments = []
    for day in range(days):
        for hour, weight in enumerate(weights):
            expected = volume * weight / total
            at = chance.expovariate(1) / expected if expected else 2.0
            while at < 1.0:
                moments.append(START + timedelta(days=day, hours=hour + at + shift))
                at += chance.expovariate(1) / expected
    return sorted(moments)


def simulate(published: list[datetime], days: int, chooser: Callable[[Habit, datetime], datetime]) -> tuple[list[float], int]:
    """(minutes that each article waited, polls) of one outlet."""
    habit, polls, done = Habit.unknown(), 0, 0
    now, due = START, START
    waits: list[float] = []
    while now < START + timedelta(days=days):
        if due <= now + EARLY:
            polls += 1
            seen = bisect_right(published, now)
            new = published[done:seen]
            waits += [(now - moment) / timedelta(minutes=1) for moment in new]
            learn(habit, len(new), new, now)
            done, due = seen, chooser(habit, now)
        now += ROUND
    return waits, polls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outlets", type=int, default=300)
    parser.add_argument("--articles", type=int, default=20_000, help="a day, of all outlets")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--shortest", type=float, default=5)
    parser.add_argument("--longest", type=float, default=20)
    options = parser.parse_args()
    chance = random.Random(20261116)
    bounds = Bounds(timedelta(minutes=options.shortest), timedelta(minutes=options.longest))
    outlets = [week(volume, options.days, chance) for volume in volumes(options.outlets, options.articles, chance)]
    ways: dict[str, Callable[[Habit, datetime], datetime]] = {
        f"as often as it is worth ({options.shortest:g} to {options.longest:g} min)": lambda habit, now: next_poll(habit, now, bounds),
        f"always every {options.shortest:g} min": lambda _, now: now + bounds.shortest,
        f"always every {options.longest:g} min": lambda _, now: now + bounds.longest,
    }
    print(f"{options.outlets} outlets, {sum(map(len, outlets))} articles in {options.days} days; rounds every {ROUND.seconds // 60} min")
    assert len(BY_HOUR) == HOURS
    for name, chooser in ways.items():
        waits: list[float] = []
        polls = 0
        for published in outlets:
            more, count = simulate(published, options.days, chooser)
            waits += more
            polls += count
        cuts = statistics.quantiles(waits, n=100)
        print(
            f"{name}: an article waits {statistics.median(waits):.1f} min (median), {cuts[94]:.1f} (p95), {cuts[98]:.1f} (p99); "
            f"{polls / options.days / options.outlets:.0f} polls a day and feed"
        )


if __name__ == "__main__":
    main()
