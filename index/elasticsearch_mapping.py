"""What Elasticsearch is told about our documents: the one definition of settings, mapping and template.

A token of ours is kept whole by the `standard` tokenizer, and `asciifolding` puts its folded form on the same position, so one
field holds both: a query token with accents meets the exact form, one without accents every form. Everything that is used
here is part of every Elasticsearch distribution.
"""

from __future__ import annotations

from typing import Any

from diembao.article import Article
from index.analysis import ANALYSER_VERSION
from index.document import FACETS, TEXT_COLUMNS, group_of, keys_of, milliseconds, words_of
from index.elasticsearch_marks import LONGEST_ROW, fields_of
from index.proximity import GAP

SCHEMA_VERSION = 3
DATES = ("published_at", "modified_at", "fetched_at", "first_seen_at", "indexed_at")
KEYS = ("topic", "sentiment", "critical_of", "source", "kind", "page_kind", "place", "place_any", "url")

_KEYWORD = {"type": "keyword"}
_FACET = {"type": "keyword", "eager_global_ordinals": True}
_LONG = {"type": "long"}
_WORDS = {"type": "text", "analyzer": "article_words", "search_analyzer": "query_words", "position_increment_gap": GAP}

SETTINGS: dict[str, Any] = {
    "number_of_shards": 1,  # counts and scores are exact on one shard; it is enough for some ten million articles
    "auto_expand_replicas": "0-1",
    "analysis": {
        "filter": {"with_folded": {"type": "asciifolding", "preserve_original": True}},
        "analyzer": {
            "article_words": {"type": "custom", "tokenizer": "standard", "filter": ["with_folded"]},
            "query_words": {"type": "custom", "tokenizer": "standard", "filter": []},
        },
    },
}

MAPPING: dict[str, Any] = {
    "dynamic": "strict",
    "_meta": {"schema": SCHEMA_VERSION, "analyser": ANALYSER_VERSION},
    "_source": {"excludes": ["words.*", "key.*", "row"]},
    "properties": {
        "id": _KEYWORD,
        "record": {"type": "object", "enabled": False},
        "words": {"properties": dict.fromkeys(TEXT_COLUMNS, _WORDS)},
        "key": {"properties": dict.fromkeys(KEYS, _KEYWORD)},
        **dict.fromkeys(FACETS, _FACET),
        **{field: {"type": "date", "format": "epoch_millis||strict_date_optional_time"} for field in DATES},
        "page_kind": _KEYWORD,
        "content_hash": _KEYWORD,
        "revision": {"type": "integer"},
        "story_id": _KEYWORD,
        "copy_of": _KEYWORD,
        "subject": _KEYWORD,
        "own": _LONG,
        "origin": _LONG,
        "mark": _LONG,
        "row": {"type": "keyword", "index": False, "ignore_above": LONGEST_ROW},
        "copy_keys": _KEYWORD,
        "story_keys": _KEYWORD,
    },
}


ROLLOVER: dict[str, str] = {"max_primary_shard_size": "40gb", "max_age": "365d"}
"""When a new physical index is begun: by size or by year, whichever comes first."""


def read_alias(prefix: str) -> str:
    """The name that every search asks: all physical indices."""
    return f"{prefix}-articles"


def write_alias(prefix: str) -> str:
    """The name whose write index takes new articles."""
    return f"{prefix}-articles-write"


def index_pattern(prefix: str) -> str:
    """What the names of all physical indices match."""
    return f"{prefix}-articles-v*"


def life_cycle_name(prefix: str) -> str:
    """The name of the ILM policy."""
    return f"{prefix}-articles"


def template(prefix: str, *, life_cycle: bool) -> dict[str, Any]:
    """The composable index template of the physical indices.

    Args:
        prefix: of all our names.
        life_cycle: whether the cluster rolls over by itself (ILM); one without it refuses the settings.
    """
    settings = dict(SETTINGS)
    if life_cycle:
        settings["index.lifecycle"] = {"name": life_cycle_name(prefix), "rollover_alias": write_alias(prefix)}
    return {
        "index_patterns": [index_pattern(prefix)],
        "priority": 200,
        "allow_auto_create": False,  # a write to an index that a rebuild has just taken away must fail, not bring it back
        "template": {"settings": settings, "mappings": MAPPING},
        "_meta": {"description": "Articles of Điểm Báo", "schema": SCHEMA_VERSION},
    }


def life_cycle(rollover: dict[str, str]) -> dict[str, Any]:
    """The ILM policy: rolls over, and never deletes; what is erased, and when, is the office's decision and not the server's."""
    return {
        "phases": {
            "hot": {"min_age": "0ms", "actions": {"rollover": rollover, "set_priority": {"priority": 100}}},
            "warm": {"min_age": "1d", "actions": {"set_priority": {"priority": 50}}},
        },
        "_meta": {"description": "Articles of Điểm Báo"},
    }


def snapshot_policy(prefix: str, repository: str) -> dict[str, Any]:
    """The SLM policy: a snapshot each night at 02:30 in Vietnam; 30 days are kept, at least five and at most fifty."""
    return {
        "schedule": "0 30 19 * * ?",
        "name": f"<{prefix}-{{now/d}}>",
        "repository": repository,
        "config": {"indices": [index_pattern(prefix)], "include_global_state": False},
        "retention": {"expire_after": "30d", "min_count": 5, "max_count": 50},
    }


def document_of(article: Article, indexed_at: int) -> dict[str, Any]:
    """What is sent for one article; `indexed_at` in milliseconds since 1970. `encode` makes it bytes."""
    keys = keys_of(article)
    labels = {field: [label for label in keys[field].values() if label] for field in FACETS}
    return {
        "id": article.id,
        "record": article.to_record(),
        "words": words_of(article),
        "key": {field: list(keys[field]) for field in KEYS},
        **labels,
        **{field: milliseconds(getattr(article, field)) for field in DATES if field != "indexed_at"},
        "indexed_at": indexed_at,
        "page_kind": article.page_kind or None,
        "content_hash": article.content_hash,
        "revision": article.revision,
        "story_id": article.story_id,
        "copy_of": article.copy_of,
        "subject": article.story_id or group_of(article),
        **fields_of(article.id, article.copy_of, labels),
        "copy_keys": article.copy_keys,
        "story_keys": article.story_keys,
    }
