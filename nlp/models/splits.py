"""Splits of labelled headlines in which no outlet stands on both sides."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from diembao.errors import InputError
from nlp.models.labels import LabelledHeadline
from nlp.models.ngrams import words

AGGREGATORS = frozenset({"baomoi.com", ""})
"""Sites whose items come from many outlets that neither the labels nor the articles name; items without a site are treated alike."""

_SHARED_WORDS = 5
"""Headlines of an aggregator that share so many words in a row stay together: they may tell one story twice."""

_COMMON = 6
"""Words in a row that more headlines share are a phrase, not a story."""

_MOST = 0.5
"""An outlet with more than this share of the headlines is itself split, by headline: it cannot stand on one side alone."""

_PERIOD = re.compile(r"(\d{4})(?:-(\d{4}))?")


def outlet_groups(headlines: Sequence[LabelledHeadline]) -> NDArray[np.intp]:
    """The group, 0, 1, …, of each headline: headlines of one group never stand on both sides of a split.

    A group is an outlet. The headlines of an aggregator, and of an outlet that has most of all headlines, are grouped by what
    they tell: those that share five words in a row which few others have.
    """
    counts = Counter(item.site for item in headlines)
    by_story = AGGREGATORS | {site for site, count in counts.items() if count > _MOST * len(headlines)}
    parents = list(range(len(headlines)))

    def top(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    first_of_site: dict[str, int] = {}
    sharing: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, item in enumerate(headlines):
        if item.site in by_story:
            found = words(item.title)
            for phrase in set(zip(*(islice(found, shift, None) for shift in range(_SHARED_WORDS)), strict=False)) or {tuple(found)}:
                sharing[phrase].append(place)
        else:
            parents[place] = first_of_site.setdefault(item.site, place)
    for places in sharing.values():
        if len(places) <= _COMMON:
            for place in places[1:]:
                parents[top(place)] = top(places[0])
    return np.unique([top(place) for place in range(len(headlines))], return_inverse=True)[1].astype(np.intp)


def outlet_folds(headlines: Sequence[LabelledHeadline], folds: int) -> NDArray[np.intp]:
    """The fold, 0 to `folds` - 1, of each headline; all headlines of a group (`outlet_groups`) share one.

    Groups are dealt out by size, each to the fold that has fewest headlines of its year, so that every fold has every year.
    """
    groups = outlet_groups(headlines)
    members: dict[int, list[int]] = defaultdict(list)
    for place, group in enumerate(groups.tolist()):
        members[group].append(place)
    fold_of = np.zeros(len(headlines), np.intp)
    of_year: dict[int, list[int]] = defaultdict(lambda: [0] * folds)
    total = [0] * folds
    for places in sorted(members.values(), key=lambda places: (-len(places), places[0])):
        year = Counter(headlines[place].year for place in places).most_common(1)[0][0]
        fold = min(range(folds), key=lambda each: (of_year[year][each], total[each], each))
        fold_of[places] = fold
        total[fold] += len(places)
        for place in places:
            of_year[headlines[place].year][fold] += 1
    return fold_of


def periods(text: str) -> list[tuple[int, int]]:
    """First and last year of each period of a list.

    Raises:
        InputError: when it is none.

    >>> periods("2017,2024-2026")
    [(2017, 2017), (2024, 2026)]
    """
    found = []
    for part in text.split(","):
        match = _PERIOD.fullmatch(part.strip())
        if not match:
            raise InputError(f"{part!r} is no year and no span of years", "Write years like 2017,2021,2024-2026")
        found.append((int(match[1]), int(match[2] or match[1])))
    return found
