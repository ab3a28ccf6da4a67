"""The query tree as SQL: one MATCH expression where FTS5 can decide it, SQL around several where not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from diembao.engine import Filters
from diembao.errors import QueryError
from index.analysis import keyword
from index.document import TEXT_COLUMNS, fold_words, milliseconds, place_key
from index.proximity import phrase_occurs, within_slop
from index.query import (
    All,
    And,
    Exists,
    Keyword,
    Node,
    Not,
    Or,
    Pattern,
    Phrase,
    Prefix,
    Range,
    Term,
    fold_token,
    has_accents,
)

MAX_PATTERN_WORDS = 2000

DATE_COLUMNS = {"published_at": "published", "modified_at": "modified", "fetched_at": "fetched", "first_seen_at": "first_seen"}


@dataclass(frozen=True)
class Sql:
    """A condition on `a` (article), with its parameters."""

    text: str
    parameters: tuple[object, ...] = ()


@dataclass(frozen=True)
class Match:
    """A condition that FTS5 can decide alone: a MATCH expression."""

    text: str


class Compiler:
    """Translates a query tree: into one MATCH expression where FTS5 can decide it, into SQL around several where not."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def compile(self, node: Node) -> Match | Sql:
        """The condition that `node` is. Raises QueryError when a pattern matches too many words."""
        match node:
            case All():
                return Sql("1")
            case Term() | Prefix() | Pattern():
                return self._words(node)
            case Phrase():
                return self._phrase(node)
            case Keyword():
                return _keyword_condition(node)
            case Exists():
                return _exists_condition(node)
            case Range():
                return _range_condition(DATE_COLUMNS[node.field], node.since, node.until)
            case Not():
                part = as_sql(self.compile(node.part))
                return Sql(f"NOT ({part.text})", part.parameters)
            case Or():
                return _any_of([self.compile(part) for part in node.parts])
            case And():
                wanted = [self.compile(part) for part in node.parts if not isinstance(part, Not)]
                unwanted = [self.compile(part.part) for part in node.parts if isinstance(part, Not)]
                return _all_of(wanted, unwanted)

    def scoring(self, leaf: Node) -> str | None:
        """The MATCH expression that scores `leaf`; None when it has no words."""
        if isinstance(leaf, Term | Prefix | Pattern):
            found = self._words(leaf)
            return found.text if isinstance(found, Match) else None
        if isinstance(leaf, Phrase):
            return _phrase_match(leaf.fields, leaf.tokens, prefix=leaf.prefix) if not leaf.slop else _near(leaf)
        return None

    def _words(self, node: Term | Prefix | Pattern) -> Match | Sql:
        if isinstance(node, Term):
            return Match(_phrase_match(node.fields, (node.token,), prefix=False))
        if isinstance(node, Prefix):
            return Match(_phrase_match(node.fields, (node.token,), prefix=True))
        start = node.pattern[: min(node.pattern.find(mark) for mark in "*?" if mark in node.pattern)]
        accented = has_accents(node.pattern)
        rows = self._connection.execute(
            "SELECT term FROM vocabulary WHERE term >= ? AND term < ? AND term GLOB ? LIMIT ?",
            (start, start + "\U0010ffff", node.pattern, MAX_PATTERN_WORDS + 1),
        ).fetchall()
        words = [row[0] for row in rows if accented or not has_accents(row[0])]
        if len(rows) > MAX_PATTERN_WORDS:
            raise QueryError(
                f"Quá nhiều từ khớp với {node.pattern!r}; hãy thêm chữ",
                f"Too many words match {node.pattern!r}; add some letters",
                node.position,
            )
        if not words:
            return Sql("0")
        alternatives = " OR ".join(f'"{word}"' for word in words)
        return Match(f"{{{_columns(node.fields, 'x' if accented else 'f')}}} : ({alternatives})")

    def _phrase(self, node: Phrase) -> Match | Sql:
        accented = [has_accents(token) for token in node.tokens]
        sure = _phrase_match(node.fields, node.tokens, prefix=node.prefix, form="f" if not any(accented) else "x")
        if not node.slop and (all(accented) or not any(accented)):
            return Match(sure)
        # Of a phrase with accented and plain words, the literal one is sure; only what else folds to it must be looked at.
        candidates = _near(node) if node.slop else _phrase_match(
            node.fields, tuple(map(fold_token, node.tokens)), prefix=node.prefix, form="f"
        )  # fmt: skip
        rows = self._connection.execute(
            "SELECT number, words FROM document WHERE number IN (SELECT rowid FROM fts WHERE fts MATCH ?)",
            (f"({candidates}) NOT ({sure})",),
        )
        places = [TEXT_COLUMNS.index(field) for field in node.fields]
        numbers = [number for number, words in rows if _phrase_in(words, places, node, accented)]
        if not numbers:
            return Match(sure)
        return _any_of([Match(sure), Sql("a.number IN (SELECT value FROM json_each(?))", (json.dumps(numbers),))])


def _phrase_in(words: str, places: Sequence[int], node: Phrase, accented: Sequence[bool]) -> bool:
    fields = words.split("\n")
    for place in places:
        exact = fields[place].split()
        folded = fold_words(fields[place]).split()
        if node.slop:
            if within_slop(exact, folded, node.tokens, accented, node.slop):
                return True
        elif phrase_occurs(exact, folded, node.tokens, accented, prefix=node.prefix):
            return True
    return False


def has_words(words: str, place: int) -> bool:
    """Whether the text column at `place` of a document's words holds any."""
    return bool(words.split("\n")[place])


def _columns(fields: Sequence[str], form: str) -> str:
    return " ".join(f"{field}_{form}" for field in fields)


def _phrase_match(fields: Sequence[str], tokens: Sequence[str], *, prefix: bool, form: str = "") -> str:
    form = form or ("x" if any(map(has_accents, tokens)) else "f")
    return f'{{{_columns(fields, form)}}} : "{" ".join(tokens)}"{" *" if prefix else ""}'


def _near(node: Phrase) -> str:
    """What contains every sloppy match of `node`, and little else; decided on folded words."""
    words = " ".join(f'"{fold_token(token)}"' for token in node.tokens)
    return f"{{{_columns(node.fields, 'f')}}} : NEAR({words}, {node.slop + len(node.tokens)})"


def as_sql(condition: Match | Sql) -> Sql:
    """`condition` as SQL."""
    if isinstance(condition, Sql):
        return condition
    return Sql("a.number IN (SELECT rowid FROM fts WHERE fts MATCH ?)", (condition.text,))


def _any_of(parts: Sequence[Match | Sql]) -> Match | Sql:
    matches = [part for part in parts if isinstance(part, Match)]
    others = [part for part in parts if isinstance(part, Sql)]
    if matches:
        merged = matches[0] if len(matches) == 1 else Match(" OR ".join(f"({part.text})" for part in matches))
        if not others:
            return merged
        others.append(as_sql(merged))
    return Sql("(" + " OR ".join(part.text for part in others) + ")", tuple(value for part in others for value in part.parameters))


def _all_of(wanted: Sequence[Match | Sql], unwanted: Sequence[Match | Sql]) -> Match | Sql:
    matches = [part for part in wanted if isinstance(part, Match)]
    others = [part for part in wanted if isinstance(part, Sql)]
    excluded = [part for part in unwanted if isinstance(part, Match)]
    if matches:
        text = " AND ".join(f"({part.text})" for part in matches)
        for part in excluded:
            text = f"({text}) NOT ({part.text})"
        merged = Match(text)
        if not others and len(excluded) == len(unwanted):
            return merged
        others.append(as_sql(merged))
        excluded = []
    for rejected in unwanted:
        if isinstance(rejected, Sql) or rejected in excluded:
            condition = as_sql(rejected)
            others.append(Sql(f"NOT ({condition.text})", condition.parameters))
    return Sql("(" + " AND ".join(part.text for part in others) + ")", tuple(value for part in others for value in part.parameters))


def _label_condition(field: str, keys: Sequence[str]) -> Sql:
    if len(keys) == 1:
        return Sql("a.number IN (SELECT number FROM label WHERE field = ? AND key = ?)", (field, keys[0]))
    return Sql(
        "a.number IN (SELECT number FROM label WHERE field = ? AND key IN (SELECT value FROM json_each(?)))", (field, json.dumps(keys))
    )


def _keyword_condition(node: Keyword) -> Sql:
    column = {"story": "story", "copy_of": "copy_of", "id": "id"}.get(node.field)
    if column:
        return Sql(f"coalesce(a.{column} = ?, 0)", (node.value,))
    return _label_condition(node.field, [node.value])


def _exists_condition(node: Exists) -> Match | Sql:
    if node.field in TEXT_COLUMNS:
        place = TEXT_COLUMNS.index(node.field)
        return Sql("a.number IN (SELECT number FROM document WHERE has_words(words, ?))", (place,))
    if node.field in DATE_COLUMNS:
        return Sql(f"a.{DATE_COLUMNS[node.field]} IS NOT NULL")
    if node.field in ("story", "copy_of", "id"):
        return Sql(f"a.{node.field} IS NOT NULL")
    return Sql("a.number IN (SELECT number FROM label WHERE field = ?)", (node.field,))  # fmt: skip


def _range_condition(column: str, since: datetime | None, until: datetime | None) -> Sql:
    parts = [f"a.{column} IS NOT NULL"]
    values: list[object] = []
    if since is not None:
        parts.append(f"a.{column} >= ?")
        values.append(milliseconds(since))
    if until is not None:
        parts.append(f"a.{column} < ?")
        values.append(milliseconds(until))
    return Sql("(" + " AND ".join(parts) + ")", tuple(values))


def behind(first_seen: datetime | None, article_id: str) -> Sql:
    """What stands behind an article in the order of a scan."""
    if first_seen is None:
        return Sql("(a.first_seen IS NOT NULL OR a.id > ?)", (article_id,))
    seen = milliseconds(first_seen)
    return Sql("(a.first_seen > ? OR (a.first_seen = ? AND a.id > ?))", (seen, seen, article_id))


def filter_conditions(filters: Filters) -> list[Sql]:
    """What `filters` ask for, but for what is passed over as not relevant."""
    conditions: list[Sql] = []
    if filters.published_from is not None or filters.published_to is not None:
        conditions.append(_range_condition("published", filters.published_from, filters.published_to))
    for field, values in (
        ("topic", filters.topics), ("sentiment", filters.sentiments), ("critical_of", filters.critical_of),
        ("place_any", filters.places), ("source", filters.sources), ("kind", filters.kinds),
    ):  # fmt: skip
        if values:
            conditions.append(_label_condition(field, [(place_key if field == "place_any" else keyword)(value) for value in values]))
    for column, value in (("story", filters.story_id), ("copy_of", filters.copy_of)):
        if value is not None:
            conditions.append(Sql(f"coalesce(a.{column} = ?, 0)", (value,)))
    return conditions
