"""Vietnam's public holidays, Tết by the lunar calendar: days on which offices and newsrooms work less.

The lunar dates are computed, so that no table runs out: new moons after Jean Meeus, "Astronomical Algorithms" (1998), in the short
form that Hồ Ngọc Đức published for the Vietnamese calendar (https://www.xemamlich.uhm.vn/calrules_en.html). The calendar
follows the meridian of UTC+7, so Tết may differ from the Chinese new year (1985 and 2007: by a month and by a day).
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from math import floor, pi, sin

_ZONE = 7.0 / 24.0
_EPOCH = date(2000, 1, 1).toordinal() - 2451545
"""Ordinal of a date minus its Julian day number (the one that begins at its noon)."""


def _new_moon(number: int) -> int:
    """Julian day number, in Vietnam's time, of new moon `number` since 1 January 1900."""
    t = number / 1236.85
    t2, t3, rad = t * t, t * t * t, pi / 180
    day = 2415020.75933 + 29.53058868 * number + 0.0001178 * t2 - 0.000000155 * t3
    day += 0.00033 * sin((166.56 + 132.87 * t - 0.009173 * t2) * rad)
    sun = (359.2242 + 29.10535608 * number - 0.0000333 * t2 - 0.00000347 * t3) * rad
    moon = (306.0253 + 385.81691806 * number + 0.0107306 * t2 + 0.00001236 * t3) * rad
    node = (21.2964 + 390.67050646 * number - 0.0016528 * t2 - 0.00000239 * t3) * rad
    shift = (0.1734 - 0.000393 * t) * sin(sun) + 0.0021 * sin(2 * sun) - 0.4068 * sin(moon) + 0.0161 * sin(2 * moon)
    shift += -0.0004 * sin(3 * moon) + 0.0104 * sin(2 * node) - 0.0051 * sin(sun + moon) - 0.0074 * sin(sun - moon)
    shift += 0.0004 * sin(2 * node + sun) - 0.0004 * sin(2 * node - sun) - 0.0006 * sin(2 * node + moon)
    shift += 0.0010 * sin(2 * node - moon) + 0.0005 * sin(2 * moon + sun)
    if t < -11:
        delta = 0.001 + 0.000839 * t + 0.0002261 * t2 - 0.00000845 * t3 - 0.000000081 * t * t3
    else:
        delta = -0.000278 + 0.000265 * t + 0.000262 * t2
    return floor(day + shift - delta + 0.5 + _ZONE)


def _sun_sector(julian_day: int) -> int:
    """Which of the twelve sectors of 30° the sun is in at midnight, Vietnam's time (0 begins at the spring equinox)."""
    t = (julian_day - 2451545.5 - _ZONE) / 36525
    rad = pi / 180
    anomaly = 357.52910 + 35999.05030 * t - 0.0001559 * t * t - 0.00000048 * t * t * t
    longitude = 280.46645 + 36000.76983 * t + 0.0003032 * t * t
    longitude += (1.914600 - 0.004817 * t - 0.000014 * t * t) * sin(anomaly * rad)
    longitude += (0.019993 - 0.000101 * t) * sin(2 * anomaly * rad) + 0.000290 * sin(3 * anomaly * rad)
    return int((longitude % 360) / 30)


def _eleventh_month(year: int) -> tuple[int, int]:
    """(number, Julian day) of the new moon that begins the lunar month of the winter solstice of `year`."""
    last = (date(year, 12, 31).toordinal() - _EPOCH) - 2415021
    number = floor(last / 29.530588853)
    if _sun_sector(_new_moon(number)) >= 9:
        number -= 1
    return number, _new_moon(number)


@lru_cache(maxsize=512)
def lunar_months(year: int) -> tuple[date, ...]:
    """First days of the lunar months 1 to 12 (leap months left out) of the lunar year that begins in `year`.

    >>> lunar_months(2026)[0]
    datetime.date(2026, 2, 17)
    """
    months: list[date] = []
    for solstice_year, wanted in ((year - 1, range(1, 11)), (year, (11, 12))):
        first, _ = _eleventh_month(solstice_year)
        following, _ = _eleventh_month(solstice_year + 1)
        starts = [_new_moon(first + i) for i in range(following - first + 2)]
        leap = -1
        if following - first == 13:
            leap = next(i for i in range(1, 13) if _sun_sector(starts[i]) == _sun_sector(starts[i + 1]))
        ordinary = [start for i, start in enumerate(starts[: following - first]) if i != leap]
        # ordinary[0] is month 11, [1] month 12, [2] month 1 of the next lunar year …
        months.extend(date.fromordinal(ordinary[month - 11 if month >= 11 else month + 1] + _EPOCH) for month in wanted)
    return tuple(months)


def tet(year: int) -> date:
    """The first day of the lunar year in `year`.

    >>> tet(2007), tet(2030)
    (datetime.date(2007, 2, 17), datetime.date(2030, 2, 2))
    """
    return lunar_months(year)[0]


@lru_cache(maxsize=512)
def tet_season(year: int) -> tuple[date, date]:
    """First and last day on which the press is quiet around Tết: from two days before to six days after its first day."""
    first = tet(year)
    return first - timedelta(days=2), first + timedelta(days=6)


@lru_cache(maxsize=4096)
def is_tet(day: date) -> bool:
    """Whether `day` is in the season of Tết, as far as the calendar is known (1900 to 2199).

    >>> is_tet(date(2026, 2, 18)), is_tet(date(2026, 9, 2))
    (True, False)
    """
    if not 1900 <= day.year <= 2199:
        return False
    first, last = tet_season(day.year)
    return first <= day <= last


@lru_cache(maxsize=4096)
def is_holiday(day: date) -> bool:
    """Whether `day` is a public holiday of Vietnam (Labour Code 2019, article 112) or in the season of Tết.

    >>> is_holiday(date(2026, 2, 18)), is_holiday(date(2026, 4, 26)), is_holiday(date(2026, 5, 12))
    (True, True, False)
    """
    if (day.month, day.day) in ((1, 1), (4, 30), (5, 1), (9, 2)):
        return True
    if not 1900 <= day.year <= 2199:
        return False
    return is_tet(day) or day == lunar_months(day.year)[2] + timedelta(days=9)
