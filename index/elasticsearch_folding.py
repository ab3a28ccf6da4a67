"""Folding of copies in Elasticsearch: what of all that matches is not shown, counted exactly, by facets too.

Of each group of copies stays the origin, or where it does not match, the earliest copy that does. Elasticsearch cannot join, so the
marks (index/elasticsearch_marks.py) of the matching copies come here, then those of the origins that match with them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diembao.errors import EngineError
from index.document import FACETS
from index.elasticsearch_marks import Marks, Numbers, Table, row_of
from index.elasticsearch_query import Body

AskAll = Callable[[Sequence[Body]], list[Any]]
"""Sends several searches at once; raises EngineError."""

_MOST = 60_000
"""Numbers in one answer or condition; the server's own limits are 65,536."""
_PART = 16_000
"""Origins that are looked for in one search; the server's cores share several searches."""
_WINDOW = 10_000
_TRIES = 5
_KEY = itemgetter("key")
FIRST_SEEN: list[Body] = [{"first_seen_at": {"order": "asc", "missing": "_first"}}, {"id": "asc"}]
IS_COPY: Body = {"exists": {"field": "origin"}}


@dataclass(frozen=True)
class Folded:
    """What folding does to all that matches. Articles are places in the table.

    Attributes:
        table: what is known of them.
        surplus: the matching copies that are not shown.
        kept: for each of these an article of its group that stands for it: the origin if it matches, else one copy.
        alone: of each group whose origin does not match, if only one copy of it does: that.
        several: hash of the origin of those groups of which several copies match, but not the origin.
    """

    table: Table
    surplus: Numbers
    kept: Numbers
    alone: Numbers
    several: Numbers

    def without_surplus(self, counts: Mapping[str, Counter[str]]) -> dict[str, Counter[str]]:
        """How many groups have an article with each label, from how many articles have it (`counts`, by facet)."""
        folded = {}
        for name, codes, labels in zip(FACETS, self.table.codes, self.table.labels, strict=True):
            folded[name] = counts[name].copy()
            hidden, kept = codes[self.surplus], codes[self.kept]
            number = np.bincount(hidden)
            used = np.flatnonzero(number)
            for code, count in zip(used.tolist(), number[used].tolist(), strict=True):
                folded[name].subtract(dict.fromkeys(labels[code], count))
            other = hidden != kept
            folded[name].update(_only_hidden(self.kept[other], hidden[other], kept[other], labels))
            folded[name] += Counter()  # takes out what is nothing now
        return folded


def _only_hidden(groups: Numbers, hidden: NDArray[Any], kept: NDArray[Any], labels: Sequence[tuple[str, ...]]) -> Counter[str]:
    """By label: how many groups have it only in articles that are not shown."""
    used = np.flatnonzero(np.bincount(np.concatenate([hidden, kept])))
    words = sorted(set(chain.from_iterable(labels[code] for code in used.tolist())))
    if not words:
        return Counter()
    number = {word: place for place, word in enumerate(words)}
    length = np.array([len(labels[code]) for code in used.tolist()])
    flat = np.array([number[word] for code in used.tolist() for word in labels[code]], np.int64)
    start = np.cumsum(length) - length
    has = np.zeros((len(used), len(words)), bool)
    has[np.repeat(np.arange(len(used)), length), flat] = True
    hidden, kept = np.searchsorted(used, hidden), np.searchsorted(used, kept)
    # One line for each label of each article that is not shown, without those that the shown one has too.
    lines = length[hidden]
    each = np.repeat(np.arange(len(hidden)), lines)
    label = flat[np.arange(len(each)) - np.repeat(np.cumsum(lines) - lines, lines) + start[hidden][each]]
    new = ~has[kept[each], label]
    pairs = np.sort(groups[each[new]] * len(words) + label[new])
    first = np.ones(len(pairs), bool)
    first[1:] = pairs[1:] != pairs[:-1]
    counts = np.bincount(pairs[first] % len(words), minlength=len(words)).tolist()
    return Counter({word: count for word, count in zip(words, counts, strict=True) if count})


class Folder:
    """Folds.

    Args:
        ask_all: see AskAll.
        marks: what was learnt about marks.
    """

    def __init__(self, ask_all: AskAll, marks: Marks) -> None:
        self._ask_all = ask_all
        self._marks = marks
        self._learning = threading.Lock()

    # -- all that matches ---------------------------------------------------------------------------------------------------------

    def copies_of(self, query: Body, moment_of: Body, behind: int | None = None) -> Body:
        """The search for the marks of the copies that match `query`, the first or those behind a mark."""
        conditions = [query, IS_COPY] + ([] if behind is None else [{"range": {"mark": {"gt": behind}}}])
        return _marks_of(conditions, moment_of)

    def origins_of(self, query: Body, moment_of: Body, copies: tuple[Table, Numbers]) -> list[Body]:
        """The searches for the marks of the origins of `copies` that match `query`."""
        table, places = copies
        origins = _distinct(table.origin[places]).tolist()
        wanted = (origins[start : start + _PART] for start in range(0, len(origins), _PART))
        return [_marks_of([query, {"terms": {"own": part}}], moment_of) for part in wanted]

    def copies(self, query: Body, moment_of: Body, first: Mapping[str, Any]) -> tuple[Table, Numbers]:
        """The copies that match; `first` is the answer to `copies_of`."""
        found = [marks_in(first)]
        while len(found[-1]) == _MOST:
            found.append(marks_in(self._ask_all([self.copies_of(query, moment_of, int(found[-1][-1]))])[0]))
        return self._known(np.concatenate(found), moment_of)

    def folded(self, copies: tuple[Table, Numbers], answers: Sequence[Mapping[str, Any]], moment_of: Body) -> Folded:
        """What folding does; `answers` are those to `origins_of`."""
        marks = np.concatenate([copies[1][:0], *map(marks_in, answers)])
        table, origins = self._known(marks, moment_of)
        # Learning moves places.
        places = copies[1] if table is copies[0] else np.searchsorted(table.marks, copies[0].marks[copies[1]])
        if table is not copies[0] and not np.array_equal(table.marks[places], copies[0].marks[copies[1]]):
            table, both = self._known(np.concatenate([copies[0].marks[copies[1]], marks]), moment_of)
            places, origins = both[: len(places)], both[len(places) :]
        own = table.own[origins]
        order = np.argsort(own)
        origins, own = origins[order], own[order]
        origin = table.origin[places]
        behind = np.minimum(np.searchsorted(own, origin), max(len(own) - 1, 0))
        there = own[behind] == origin if len(own) else np.zeros(len(origin), bool)
        orphans = places[~there]
        groups, first, group, size = np.unique(table.origin[orphans], return_index=True, return_inverse=True, return_counts=True)
        later = np.ones(len(orphans), bool)
        later[first] = False
        surplus = np.concatenate([places[there], orphans[later]])
        kept = np.concatenate([origins[behind[there]], orphans[first][group[later]]])
        return Folded(table, surplus, kept, orphans[first[size == 1]], groups[size > 1])

    def of_all(self, query: Body, moment_of: Body) -> Folded:
        """What folding does to all that matches `query`."""
        copies = self.copies(query, moment_of, self._ask_all([self.copies_of(query, moment_of)])[0])
        return self.folded(copies, self._ask_all(self.origins_of(query, moment_of, copies)), moment_of)

    def condition(self, query: Body, moment_of: Body) -> Body:
        """What leaves one article of each group that matches `query`."""
        folded = self.of_all(query, moment_of)
        chosen = folded.table.marks[folded.alone].tolist()
        several = folded.several.tolist()
        bodies = [
            _earliest(query, several[start : start + _WINDOW], moment_of, "mark") for start in range(0, len(several), _WINDOW)
        ]  # fmt: skip
        for answer in self._ask_all(bodies):
            chosen += [hit["fields"]["mark"][0] for hit in answer["hits"]["hits"]]
        alternatives: list[Body] = [{"terms": {"mark": chosen[start : start + _MOST]}} for start in range(0, len(chosen), _MOST)]
        no_copy = {"bool": {"must_not": [IS_COPY]}}
        return {"bool": {"should": [no_copy, *alternatives], "minimum_should_match": 1}} if alternatives else no_copy

    # -- one page -----------------------------------------------------------------------------------------------------------------

    def around(self, query: Body, moment_of: Body, hits: Sequence[Mapping[str, Any]]) -> list[Body]:
        """The searches for what stands for the copies among `hits`, which came with `origin`: `shown` takes the answers."""
        origins = sorted({hit["fields"]["origin"][0] for hit in hits if "origin" in hit.get("fields", {})})
        if not origins:
            return []
        there = {"bool": {"filter": [query, {"terms": {"own": origins}}]}}
        own = {"query": there, "size": len(origins), "_source": False, "docvalue_fields": ["own"], "sort": ["_doc"]}
        return [{**own, "track_total_hits": False, **moment_of}, _earliest(query, origins, moment_of, "own")]

    def shown(self, hits: Sequence[Any], answers: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Those of `hits` that are shown."""
        if not answers:
            return list(hits)
        there, earliest = (answer["hits"]["hits"] for answer in answers)
        origins = {hit["fields"]["own"][0] for hit in there}
        first = {hit["_id"] for hit in earliest}
        return [
            hit
            for hit in hits
            if "origin" not in hit.get("fields", {}) or (hit["fields"]["origin"][0] not in origins and hit["_id"] in first)
        ]

    # -- marks --------------------------------------------------------------------------------------------------------------------

    def _known(self, marks: Numbers, moment_of: Body) -> tuple[Table, Numbers]:
        """A table that holds `marks`, and their places; asks for what is not known yet."""
        for _ in range(_TRIES):
            if (found := self._marks.look_up(marks)) is not None:
                return found
            with self._learning:  # who waits here learns from what the other asked
                unknown = np.unique(self._marks.unknown(marks)).tolist()
                for start in range(0, len(unknown), _MOST):
                    self._marks.learn(self._rows(unknown[start : start + _MOST], moment_of))
        raise EngineError("the index says of an article what it does not say again", "Run diembao reindex")

    def _rows(self, marks: list[int], moment_of: Body) -> list[str]:
        conditions = {"bool": {"filter": [{"terms": {"mark": marks}}]}}
        rows = {"terms": {"field": "row", "size": len(marks), "execution_hint": "map"}}
        answer = self._ask_all([{"query": conditions, "size": 0, "track_total_hits": False, "aggs": {"rows": rows}, **moment_of}])[0]
        found = [bucket["key"] for bucket in answer["aggregations"]["rows"]["buckets"]]
        return found if len(found) == len(marks) else [*found, *self._long_rows(conditions, moment_of)]

    def _long_rows(self, query: Body, moment_of: Body) -> list[str]:
        """Rows that are too long to be stored, from their parts."""
        missing: Body = {"bool": {**query["bool"], "must_not": [{"exists": {"field": "row"}}]}}
        fields = ["id", "copy_of", *FACETS]
        body = {"query": missing, "size": _WINDOW, "_source": False, "docvalue_fields": fields, "sort": [{"id": "asc"}], **moment_of}
        rows: list[str] = []
        after: Body = {}
        while True:
            hits = self._ask_all([{**body, **after}])[0]["hits"]["hits"]
            rows += [row_of(*_parts_of_row(hit["fields"])) for hit in hits]
            if len(hits) < _WINDOW:
                return rows
            after = {"search_after": hits[-1]["sort"]}


def _parts_of_row(values: Mapping[str, Any]) -> tuple[str, str | None, dict[str, Sequence[str]]]:
    return values["id"][0], values.get("copy_of", [None])[0], {name: values.get(name, ()) for name in FACETS}


def marks_in(answer: Mapping[str, Any]) -> Numbers:
    """The marks that the answer to a search for them gives, ascending."""
    buckets = answer["aggregations"]["marks"]["buckets"]
    return np.fromiter(map(_KEY, buckets), np.int64, len(buckets))


def _marks_of(conditions: Sequence[Body], moment_of: Body) -> Body:
    marks = {"terms": {"field": "mark", "size": _MOST, "order": {"_key": "asc"}}}
    return {"query": {"bool": {"filter": list(conditions)}}, "size": 0, "track_total_hits": False, "aggs": {"marks": marks}, **moment_of}


def _earliest(query: Body, origins: Sequence[int], moment_of: Body, field: str) -> Body:
    """The search for the earliest copy of each of `origins` that matches `query`."""
    conditions = {"bool": {"filter": [query, {"terms": {"origin": list(origins)}}]}}
    body = {"query": conditions, "collapse": {"field": "origin"}, "sort": FIRST_SEEN, "size": len(origins), "track_total_hits": False}
    return {**body, "_source": False, "docvalue_fields": [field], **moment_of}


def _distinct(numbers: Numbers) -> Numbers:
    ordered = np.sort(numbers)
    return ordered[np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))]
