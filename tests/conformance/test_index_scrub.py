"""What was deleted leaves the disk, and the rest is found as before: from both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from diembao.article import Article
from diembao.engine import SearchEngine, SearchRequest
from index.elasticsearch_engine import ElasticsearchEngine
from index.sqlite_engine import SqliteEngine
from tests.conformance.engines import empty_engine

__all__ = ["empty_engine"]

NOW = datetime(2026, 11, 20, tzinfo=UTC)
MARK = "zqxkvw"


def test_what_was_deleted_leaves_the_disk(empty_engine: SearchEngine) -> None:
    engine = empty_engine
    assert isinstance(engine, SqliteEngine | ElasticsearchEngine)
    articles = [
        Article(
            id=f"a{n:02}",
            title=f"Tin thứ {n} {MARK if n == 7 else 'chung'}",
            body=f"Nội dung {n} " * 50,
            first_seen_at=NOW + timedelta(hours=n),
        )
        for n in range(40)
    ]
    engine.upsert(articles)
    assert engine.search(SearchRequest(MARK)).total == 1
    assert engine.delete(["a07"]) == 1
    is_done = engine.scrub()
    assert engine.search(SearchRequest(MARK)).total == 0
    assert engine.search(SearchRequest("chung")).total == 39
    assert [article.id for article in engine.scan()] == [f"a{n:02}" for n in range(40) if n != 7]
    if isinstance(engine, SqliteEngine):
        kept = b"".join(path.read_bytes() for path in engine.path.parent.glob(f"{engine.path.name}*"))
        assert MARK.encode() not in kept
        assert b"chung" in kept
        assert is_done
    # Elasticsearch keeps deleted documents for half a minute and more for shards that recover: it says so, and the next call does it.
    engine.upsert([articles[7].with_fields(title="Tin khác")])
    assert engine.search(SearchRequest("tin")).total == 40, "it goes on as before"
