"""How long 200 rules take over what an engine holds: DIEMBAO_INDEX names it, nothing is written.

    DIEMBAO_INDEX=http://127.0.0.1:9200/million python -m benchmarks.alerts_rules [--rules 200] [--now 2026-11-16T12:00]

The rules are of every kind and nearly all different: spikes and shares by field, topic, saved query and province, articles at once, first
criticism, wide and fast stories, new names, silent sources. `now` is by default the end of what is indexed. The slowest kinds and
what the engine was asked are told.
"""

from __future__ import annotations

import argparse
import itertools
import os
import threading
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts import evaluation
from alerts.coverage import Coverage
from alerts.rule import Rule
from alerts.rules_file import kinds
from diembao.engine import SearchRequest
from diembao.settings import read_settings
from index import open_engine

WORDS = (
    "sông", "đường", "bệnh viện", "trường học", "cháy", "ngập", "rác", "nước thải", "đất đai", "khởi tố", "thanh tra", "tai nạn",
    "sạt lở", "dịch", "giá", "doanh nghiệp", "du lịch", "thuế", "điện", "cầu",
)  # fmt: skip
PLACES = (
    "Đồng Tháp", "Cà Mau", "An Giang", "Vĩnh Long", "Cần Thơ", "Tây Ninh", "Hồ Chí Minh", "Đồng Nai", "Lâm Đồng", "Khánh Hòa",
    "Đắk Lắk", "Gia Lai", "Quảng Ngãi", "Đà Nẵng", "Huế", "Quảng Trị", "Hà Tĩnh", "Nghệ An", "Thanh Hóa", "Hà Nội",
)  # fmt: skip


def rules(count: int, topics: list[str]) -> list[Rule]:
    """`count` rules, kinds mixed as an office would have them: mostly spikes, shares and saved queries."""
    made: list[dict[str, Any]] = []
    made.extend({"kind": "negative_spike", "by": "nothing", "query": word} for word in WORDS)
    made.extend({"kind": "negative_spike", "by": "nothing", "places": [place]} for place in PLACES)
    made.extend({"kind": "negative_spike", "by": "nothing", "topics": [topic], "places": [PLACES[0]]} for topic in topics)
    made.append({"kind": "negative_spike", "by": "field"})
    made.extend({"kind": "negative_share", "by": "nothing", "query": word} for word in WORDS)
    made.extend({"kind": "negative_share", "by": "nothing", "places": [place]} for place in PLACES)
    made.extend({"kind": "new_match", "query": f'"{word}" AND "{other}"'} for word, other in itertools.pairwise(WORDS))
    made.extend(
        {"kind": "new_match", "query": f'"{word}" AND "cơ quan"', "places": [place]} for word, place in zip(WORDS, PLACES, strict=True)
    )
    made.extend({"kind": "first_criticism", "places": [place]} for place in PLACES)
    made.extend({"kind": "story_reach", "places": [place]} for place in PLACES)
    made.extend({"kind": "story_growth", "query": word} for word in WORDS[:8])
    made.extend({"kind": "negative_spike", "by": "nothing", "unit": "stories", "query": word} for word in WORDS[:8])
    made.append({"kind": "negative_share", "by": "field"})
    made.append({"kind": "new_match", "each": "story", "query": WORDS[4], "negative": True})
    made.extend([{"kind": "story_growth"}, {"kind": "story_reach"}, {"kind": "new_name", "places": [PLACES[0]]}, {"kind": "silent_source"}])
    made.append({"kind": "negative_spike", "by": "topic", "unit": "outlets"})
    known = kinds()
    return [known[table["kind"]].MODEL.model_validate({"name": f"r{n}", **table}) for n, table in enumerate(made[:count])]


class Asked:
    """Passes everything on to an engine, and notes what it was asked and how long that took."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.calls = engine, Counter[str]()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.engine, name)

        def call(*args: Any, **keys: Any) -> Any:
            begun = time.perf_counter()
            found = method(*args, **keys)
            if name == "scan":
                found = iter(list(found))
            with self.lock:
                self.calls[name] += 1
                self.seconds[name] += time.perf_counter() - begun
            return found

        return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=200, help="so many of them")
    parser.add_argument("--turns", type=int, default=2, choices=(1, 2))
    parser.add_argument("--now", type=datetime.fromisoformat)
    parser.add_argument("--by-kind", action="store_true", help="then time each kind alone too")
    arguments = parser.parse_args()
    settings = read_settings()
    engine = open_engine(settings)
    newest = engine.search(SearchRequest(sort="time", limit=1, facets=False, highlight=False)).hits[0].article.published_at
    now = arguments.now.replace(tzinfo=UTC) if arguments.now else (newest or datetime.now(UTC)) + timedelta(minutes=1)
    made = rules(arguments.rules, list(settings.taxonomy.topics))
    print(f"{engine.status().articles:,} articles, {len(made)} rules, now {now:%Y-%m-%d %H:%M}")
    for turn in ("first", "again")[: arguments.turns]:
        asked = Asked(engine)
        begun = time.perf_counter()
        found = evaluation.evaluate(made, asked, now, settings.taxonomy)
        seconds = time.perf_counter() - begun
        told = ", ".join(f"{name} {count} × in {asked.seconds[name]:.2f} s" for name, count in asked.calls.most_common())
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        print(f"{turn}: {seconds:.2f} s, {len(found)} alerts, load {load:.1f}; engine, several at a time: {told}", flush=True)
    if arguments.by_kind:
        for name, kind in kinds().items():
            of_kind = [rule for rule in made if rule.kind == name]
            asked = Asked(engine)
            coverage = Coverage(asked, now, settings.taxonomy)
            begun = time.perf_counter()
            if hasattr(kind, "prepare"):
                kind.prepare(of_kind, coverage, now - kind.MODEL.recent)
            for rule in of_kind:
                kind.evaluate(rule, coverage, now - rule.recent)
            told = ", ".join(f"{name} {count} × in {asked.seconds[name]:.2f} s" for name, count in asked.calls.most_common())
            print(f"  {name}: {len(of_kind)} rules, {time.perf_counter() - begun:.2f} s; {told}", flush=True)
    engine.close()


if __name__ == "__main__":
    main()
