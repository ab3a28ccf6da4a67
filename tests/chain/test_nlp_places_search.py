"""Places survive the merger of 1 July 2025: an article is found under the names of its time and of today."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parent.parent.parent

ARTICLES = [
    {"id": "then", "title": "Nông dân Tiền Giang được mùa sầu riêng", "published_at": "2020-05-04T08:00:00+07:00"},
    {"id": "then-dt", "title": "Lũ về sớm ở Đồng Tháp", "published_at": "2020-08-04T08:00:00+07:00"},
    {"id": "now", "title": "Đồng Tháp họp bàn về hạn mặn", "published_at": "2026-03-04T08:00:00+07:00"},
    {"id": "now-old", "title": "Vùng Tiền Giang cũ thiếu nước ngọt", "published_at": "2026-03-05T08:00:00+07:00"},
    {"id": "town", "title": "Kẹt xe ở TP Mỹ Tho", "published_at": "2020-05-05T08:00:00+07:00"},
    {"id": "ward", "title": "Chợ nổi ở xã Cái Bè, tỉnh Đồng Tháp đông khách", "published_at": "2026-03-06T08:00:00+07:00"},
    {"id": "north", "title": "Sạt lở ở Yên Bái", "published_at": "2020-09-01T08:00:00+07:00"},
]


def diembao(home: Path, *arguments: str, given: str = "") -> str:
    environment = {**os.environ, "DIEMBAO_HOME": str(home), "DIEMBAO_CONFIG": str(PROJECT / "config"), "PYTHONPATH": str(PROJECT)}
    environment.pop("DIEMBAO_INDEX", None)
    command = [sys.executable, "-c", "from cli.main import main; main()", *arguments]
    done = subprocess.run(command, input=given.encode(), capture_output=True, cwd=home, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("places")
    lines = "".join(json.dumps(article, ensure_ascii=False) + "\n" for article in ARTICLES)
    tagged = diembao(folder, "tag", given=lines)
    assert json.loads(diembao(folder, "index", "--json", given=tagged))["indexed"] == len(ARTICLES)
    return folder


def found(home: Path, *arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(diembao(home, "search", *arguments, "--json", "--limit", "20"))
    return answer


SOUTH = {"then", "then-dt", "now", "now-old", "town", "ward"}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ('place:"Đồng Tháp"', SOUTH),
        ("place:dong-thap", SOUTH),
        ('place:"Tiền Giang"', {"then", "now-old", "now", "ward", "town"}),
        ('place:"tien giang"', {"then", "now-old", "now", "ward", "town"}),
        ('place:"Lào Cai"', {"north"}),
        ('place:"Yên Bái"', {"north"}),
        ("place:82cu", {"then", "now-old", "town"}),
        ("place:87cu", {"then-dt"}),
        ("place:82", {"now", "ward"}),
    ],
)
def test_a_query_finds_both_directions(home: Path, query: str, ids: set[str]) -> None:
    assert {hit["id"] for hit in found(home, query)["hits"]} == ids


def test_filters_and_facets_know_the_same(home: Path) -> None:
    assert {hit["id"] for hit in found(home, "", "--place", "Tiền Giang")["hits"]} == {"then", "now-old", "now", "ward", "town"}
    assert {hit["id"] for hit in found(home, "", "--place", "Đồng Tháp")["hits"]} == SOUTH
    assert {hit["id"] for hit in found(home, "", "--place", "82cu")["hits"]} == {"then", "now-old"}
    facet = found(home, "")["facets"]["place"]
    assert {entry["value"]: entry["count"] for entry in facet} == {"Đồng Tháp": 6, "Lào Cai": 1}
