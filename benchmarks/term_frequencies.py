"""Makes nlp/data/term-frequencies.npz: in how many headlines and leads a term stands (figures only, no text).

Usage: python benchmarks/term_frequencies.py FILE.jsonl.gz…   (lines with title and lead; body where there is no lead)

The files' articles are counted by year (2017 where none is given). A term is as common as in the year in which it is most common,
so that what one year is full of (Covid-19) does not count as rare. Items of `tests/data/stories/` are left out: they measure.
"""

import gzip
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from nlp.stories import opening_of, term_slot, terms_of

SLOTS = 1 << 20
SEEN = 3
"""A term of fewer articles counts as never seen."""
GROUPS = ((0, 2019), (2020, 2022), (2023, 9999))

ROOT = Path(__file__).parent.parent


def main(paths: list[Path]) -> None:
    measured = {json.loads(line)["id"] for path in (ROOT / "tests/data/stories").glob("*.jsonl") for line in path.open(encoding="utf-8")}
    seen: dict[int, Counter[str]] = defaultdict(Counter)
    documents: Counter[int] = Counter()
    counted: set[str] = set()
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                item = json.loads(line)
                if {item["id"], item.get("url", "").removeprefix("baomoi:")} & measured or item["title"] in counted:
                    continue
                counted.add(item["title"])
                year = item.get("year") or 2017
                group = next(number for number, (first, last) in enumerate(GROUPS) if first <= year <= last)
                opening = opening_of(item.get("lead") or "", item.get("body") or "")
                seen[group].update({*terms_of(item["title"]), *terms_of(opening)})
                documents[group] += 1
    whole = documents.total()
    counts = np.zeros(SLOTS, np.float64)
    for term in set().union(*(group.keys() for group in seen.values())):
        if sum(group[term] for group in seen.values()) >= SEEN:
            shares = [seen[group][term] / documents[group] for group in documents if seen[group][term] >= SEEN]
            common = max([*shares, sum(group[term] for group in seen.values()) / whole])
            slot = term_slot(term, SLOTS)
            counts[slot] = max(counts[slot], common * whole)
    target = ROOT / "nlp" / "data" / "term-frequencies.npz"
    np.savez_compressed(target, counts=np.minimum(counts.round(), 65535).astype(np.uint16), documents=whole)
    print(f"{dict(documents)} articles by group of years, {np.count_nonzero(counts)} terms, {target} {target.stat().st_size} bytes")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
