"""What folding leaves of the counts, against a plain count of groups."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from index.document import FACETS
from index.elasticsearch_folding import Folder
from index.elasticsearch_marks import Marks, hash_of, row_of
from index.elasticsearch_query import Body

Row = tuple[str, str | None, dict[str, list[str]]]


def rows(seed: int) -> list[Row]:
    """Some originals and their copies; some originals are missing, some labels are shared."""
    chance = random.Random(seed)
    made: list[Row] = []
    for number in range(chance.randint(1, 25)):
        labels = {name: sorted(chance.sample(["a", "b", "c", "d"], k=chance.choice([0, 1, 1, 2]))) for name in FACETS}
        members: list[Row] = [(f"{number}", None, labels)]
        for copy in range(chance.choice([0, 0, 1, 1, 2, 4])):
            own = {name: sorted(chance.sample(["a", "b", "c", "e"], k=chance.randint(0, 2))) for name in FACETS}
            members.append((f"{number}-{copy}", f"{number}", own if chance.random() < 0.6 else labels))
        made += members[chance.choice([0, 0, 1]) :]
    return made


def answered(found: Sequence[Row]) -> dict[str, Any]:
    return {"aggregations": {"marks": {"buckets": [{"key": mark} for mark in sorted(hash_of(row_of(*row)) for row in found)]}}}


@pytest.mark.parametrize("seed", range(150))
def test_counts_are_of_groups(seed: int) -> None:
    found = rows(seed)
    copies = [row for row in found if row[1] is not None]
    there = [row for row in found if row[0] in {copy_of for _, copy_of, _ in copies}]

    def answer(bodies: Sequence[Body]) -> list[Any]:
        wanted = set(bodies[0]["query"]["bool"]["filter"][0]["terms"]["mark"])
        return [{"aggregations": {"rows": {"buckets": [{"key": row_of(*row)} for row in found if hash_of(row_of(*row)) in wanted]}}}]

    folder = Folder(answer, Marks())
    folded = folder.folded(folder.copies({}, {}, answered(copies)), [answered(there)], {})
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in found:
        groups[row[1] or row[0]].append(row)
    assert len(found) - len(folded.surplus) == len(groups)
    counts = {name: Counter(label for _, _, labels in found for label in labels[name]) for name in FACETS}
    expected = {
        name: Counter(label for members in groups.values() for label in {one for _, _, labels in members for one in labels[name]})
        for name in FACETS
    }
    assert folded.without_surplus(counts) == expected
    orphans = {name: members for name, members in groups.items() if all(row[1] for row in members)}
    assert set(folded.table.own[folded.alone].tolist()) == {hash_of(members[0][0]) for members in orphans.values() if len(members) == 1}
    assert set(folded.several.tolist()) == {hash_of(name) for name, members in orphans.items() if len(members) > 1}


def test_what_was_learnt_holds() -> None:
    marks = Marks()
    labels = {name: ["x"] for name in FACETS}
    first, second = row_of("a", None, labels), row_of("b", "a", labels)
    wanted = np.array([hash_of(second), hash_of(first), hash_of(second)])
    assert marks.look_up(wanted) is None
    assert marks.unknown(wanted).tolist() == wanted.tolist()
    marks.learn([first])
    marks.learn([second, first])
    assert not len(marks.unknown(wanted))
    found = marks.look_up(wanted)
    assert found is not None
    table, places = found
    assert table.own[places].tolist() == [hash_of("b"), hash_of("a"), hash_of("b")]
    assert table.origin[places[0]] == hash_of("a")
    assert [table.labels[0][code] for code in table.codes[0, places].tolist()] == [("x",)] * 3
