"""The query tree as Elasticsearch's queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from diembao.engine import Filters
from index.analysis import keyword
from index.document import TEXT_COLUMNS, WEIGHTS, milliseconds, place_key
from index.query import All, And, Exists, Keyword, Node, Not, Or, Pattern, Phrase, Prefix, Range, Term

_PREFIX_WORDS = 10_000

Body = dict[str, Any]


def compile_query(node: Node) -> Body:
    """The query that `node` is; only words are scored."""
    match node:
        case All():
            return {"constant_score": {"filter": {"match_all": {}}, "boost": 0}}
        case Term():
            return _in_fields(node.fields, lambda field, boost: {"term": {field: {"value": node.token, "boost": boost}}})
        case Prefix():
            return _in_fields(node.fields, lambda field, boost: {"prefix": {field: {"value": node.token, "boost": boost}}})
        case Pattern():
            return _in_fields(node.fields, lambda field, boost: {"wildcard": {field: {"value": node.pattern, "boost": boost}}})
        case Phrase(prefix=True):
            words = " ".join(node.tokens)
            return _in_fields(
                node.fields,
                lambda field, boost: {"match_phrase_prefix": {field: {"query": words, "max_expansions": _PREFIX_WORDS, "boost": boost}}},
            )
        case Phrase():
            words = " ".join(node.tokens)
            return _in_fields(
                node.fields, lambda field, boost: {"match_phrase": {field: {"query": words, "slop": node.slop, "boost": boost}}}
            )
        case Keyword():
            field = {"story": "story_id", "copy_of": "copy_of", "id": "id"}.get(node.field, f"key.{node.field}")
            return _unscored({"term": {field: node.value}})
        case Exists():
            field = "story_id" if node.field == "story" else node.field
            exists = f"words.{field}" if field in TEXT_COLUMNS else f"key.{field}" if field == "url" else field
            return _unscored({"exists": {"field": exists}})
        case Range():
            return _unscored(range_condition(node.field, node.since, node.until))
        case Not():
            return {"bool": {"must_not": [compile_query(node.part)]}}
        case Or():
            return {"bool": {"should": [compile_query(part) for part in node.parts], "minimum_should_match": 1}}
        case And():
            return {
                "bool": {
                    "must": [compile_query(part) for part in node.parts if not isinstance(part, Not)],
                    "must_not": [compile_query(part.part) for part in node.parts if isinstance(part, Not)],
                }
            }


def _in_fields(fields: Sequence[str], query: Any) -> Body:
    found = [query(f"words.{field}", WEIGHTS[field]) for field in fields]
    return found[0] if len(found) == 1 else {"bool": {"should": found, "minimum_should_match": 1}}


def _unscored(condition: Body) -> Body:
    return {"constant_score": {"filter": condition, "boost": 0}}


def range_condition(field: str, since: datetime | None, until: datetime | None) -> Body:
    """The time `field` lies in [since, until); None is open."""
    if since is None and until is None:
        return {"exists": {"field": field}}
    limits: Body = {"format": "epoch_millis"}
    if since is not None:
        limits["gte"] = milliseconds(since)
    if until is not None:
        limits["lt"] = milliseconds(until)
    return {"range": {field: limits}}


def behind(first_seen: datetime | None, article_id: str) -> Body:
    """What stands behind an article in the order of a scan."""
    later_id: Body = {"range": {"id": {"gt": article_id}}}
    seen: Body = {"exists": {"field": "first_seen_at"}}
    if first_seen is None:
        same: Body = {"bool": {"must_not": [seen], "filter": [later_id]}}
        return {"bool": {"should": [seen, same], "minimum_should_match": 1}}
    seen_at = milliseconds(first_seen)
    same = {"bool": {"filter": [{"term": {"first_seen_at": seen_at}}, later_id]}}
    return {"bool": {"should": [{"range": {"first_seen_at": {"gt": seen_at}}}, same], "minimum_should_match": 1}}


def filter_conditions(filters: Filters) -> list[Body]:
    """What `filters` ask for, but for what is passed over as not relevant."""
    conditions: list[Body] = []
    if filters.published_from is not None or filters.published_to is not None:
        conditions.append(range_condition("published_at", filters.published_from, filters.published_to))
    for field, values in (
        ("topic", filters.topics), ("sentiment", filters.sentiments), ("critical_of", filters.critical_of),
        ("place_any", filters.places), ("source", filters.sources), ("kind", filters.kinds),
    ):  # fmt: skip
        if values:
            conditions.append({"terms": {f"key.{field}": [(place_key if field == "place_any" else keyword)(value) for value in values]}})
    for field, value in (("story_id", filters.story_id), ("copy_of", filters.copy_of)):
        if value is not None:
            conditions.append({"term": {field: value}})
    return conditions
