"""The query tree on the embedded engine: which articles match, and how often each word stands in them.

Every leaf of the tree becomes the list of articles in which it stands; AND, OR and NOT are then a matter of arrays. FTS5 gives the
lists of words and of phrases that are all accented or all plain; of other phrases and of `~N` it gives candidates, and their words
are looked at. How often a phrase stands in an article FTS5 tells only by way of bm25(), so that is solved for it.
"""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from diembao.engine import Filters
from diembao.errors import QueryError
from index.analysis import keyword
from index.columns import UNDATED, Mask
from index.document import FOLDED, TEXT_COLUMNS, WEIGHTS, milliseconds, place_key
from index.proximity import near_enough
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
from index.sqlite_memory import Find, Postings, Snapshot

MAX_PATTERN_WORDS = 2000

DATE_COLUMNS = {"published_at": "published", "modified_at": "modified", "fetched_at": "fetched", "first_seen_at": "first_seen"}

_SCALE = 64
"""Weights in bm25() are that much larger than ours, so that none of its denominators can be nothing; see _frequencies."""
_WEIGHTS = ", ".join(str(_SCALE * WEIGHTS[field]) for _ in ("x", "f") for field in TEXT_COLUMNS)
_BOUNDLESS = ", ".join("1e18" for _ in ("x", "f") for _ in TEXT_COLUMNS)
_COLUMNS = 2 * len(TEXT_COLUMNS)
_MOST = 4095
"""Frequencies above are counted as that."""
_BATCH = 200
_STRETCH, _FEW = 8192, 150
"""Of fewer rows, in which fewer articles match, the frequencies are counted on their words."""
_SHORT = 3
"""Letters of a beginning from which on it is counted how often it stands; shorter ones stand everywhere."""

Words = Term | Prefix | Pattern | Phrase


class Evaluator:
    """Answers for one query tree after another on one snapshot.

    Args:
        connection: with a transaction begun.
        snapshot: of that transaction.
    """

    def __init__(self, connection: sqlite3.Connection, snapshot: Snapshot) -> None:
        self._connection = connection
        self._snapshot = snapshot
        self._columns = snapshot.columns

    # -- what matches -------------------------------------------------------------------------------------------------------------

    def mask(self, node: Node) -> Mask:
        """Which rows hold an article that matches. Raises QueryError when a pattern matches too many words."""
        match node:
            case Not():
                return self._columns.live & ~self.mask(node.part)
            case And() | Or():
                masks = map(self.mask, node.parts)
                found = next(masks).copy()
                for other in masks:
                    if isinstance(node, And):
                        found &= other
                    else:
                        found |= other
                return found
            case All():
                return self._columns.live
            case Term() | Prefix() | Pattern() | Phrase():
                return self._mask_of(self._standing(node))
            case Keyword():
                return self._keyword(node)
            case Exists():
                return self._exists(node)
            case Range():
                return self._range(node.field, node.since, node.until)

    def _mask_of(self, postings: Postings) -> Mask:
        found = np.zeros(len(self._columns), bool)
        found[postings.numbers] = True
        return found

    def _listed(self, table: str, condition: str, *values: object) -> Mask:
        """Which rows have a number in `table` under `condition`."""
        postings = self._snapshot.postings((table, condition, values), partial(self._select, table, condition, values))
        return self._mask_of(postings)

    def _select(self, table: str, condition: str, values: Sequence[object], first: int, last: int) -> Postings:
        statement = f"SELECT group_concat(number) FROM {table} WHERE {condition} AND number BETWEEN ? AND ?"  # noqa: S608 - ours
        return Postings(np.unique(_numbers(self._connection, statement, (*values, first, last))))

    def _keyword(self, node: Keyword) -> Mask:
        if node.field in ("story", "copy_of", "id"):
            return self._listed("article", f"{node.field} = ?", node.value)
        return self._labelled(node.field, [node.value])

    def _labelled(self, field: str, keys: Sequence[str]) -> Mask:
        found = np.zeros(len(self._columns), bool)
        for key in keys:
            found |= self._listed("label", "field = ? AND key = ?", field, key)
        return found

    def _exists(self, node: Exists) -> Mask:
        if node.field in TEXT_COLUMNS:
            return self._columns.has_text(node.field)
        if node.field in DATE_COLUMNS:
            return self._range(node.field, None, None)
        if node.field in ("story", "copy_of", "id"):
            return self._listed("article", f"{node.field} IS NOT NULL")
        return self._listed("label", "field = ?", node.field)

    def _range(self, field: str, since: datetime | None, until: datetime | None) -> Mask:
        low, high = milliseconds(since), milliseconds(until)
        if field == "published_at":
            found: Mask = self._columns.live & (self._columns.published != UNDATED)
            if low is not None:
                found &= self._columns.published >= low
            if high is not None:
                found &= self._columns.published < high
            return found
        column = DATE_COLUMNS[field]
        bounds = [(f"{column} >= ?", low), (f"{column} < ?", high)]
        named = [(text, value) for text, value in bounds if value is not None]
        return self._listed(
            "article", " AND ".join([f"{column} IS NOT NULL", *(text for text, _ in named)]), *(value for _, value in named)
        )

    def narrowed(self, filters: Filters) -> Mask | None:
        """Which rows `filters` let through; None: all of them."""
        masks: list[Mask] = []
        if filters.published_from is not None or filters.published_to is not None:
            masks.append(self._range("published_at", filters.published_from, filters.published_to))
        for field, values in (
            ("topic", filters.topics), ("sentiment", filters.sentiments), ("critical_of", filters.critical_of),
            ("place_any", filters.places), ("source", filters.sources), ("kind", filters.kinds),
        ):  # fmt: skip
            if values:
                masks.append(self._labelled(field, [(place_key if field == "place_any" else keyword)(value) for value in values]))
        for column, value in (("story", filters.story_id), ("copy_of", filters.copy_of)):
            if value is not None:
                masks.append(self._listed("article", f"{column} = ?", value))
        if filters.hides_irrelevant and self._columns.irrelevant.any():
            masks.append(~self._columns.irrelevant)
        if not masks:
            return None
        found: Mask = np.logical_and.reduce(masks)
        return found

    # -- where words stand --------------------------------------------------------------------------------------------------------

    def frequencies(self, leaf: Words) -> Postings:
        """The articles in which `leaf` stands, and how often in each, weighed by field."""
        key, find, _ = self._finders(leaf)
        return self._snapshot.postings(("counted", key), find)

    def _standing(self, leaf: Words) -> Postings:
        key, counted, plain = self._finders(leaf)
        if plain is None or self._snapshot.is_known(("counted", key)):
            return self._snapshot.postings(("counted", key), counted)
        return self._snapshot.postings(("listed", key), plain)

    def _finders(self, leaf: Words) -> tuple[Hashable, Find, Find | None]:
        """What `leaf` is remembered under, what reads it with frequencies, and what reads it faster without; None: nothing does."""
        if isinstance(leaf, Pattern):
            words = self._words_like(leaf)
            form = "x" if has_accents(leaf.pattern) else "f"
            expressions = [f"{{{field}_{form}}} : ({' OR '.join(words)})" for field in leaf.fields] if words else []
            return tuple(expressions), partial(self._present, leaf.fields, expressions), None
        if isinstance(leaf, Phrase) and (leaf.slop or len({has_accents(token) for token in leaf.tokens}) > 1):
            return leaf, partial(self._looked_at, leaf), None
        tokens = leaf.tokens if isinstance(leaf, Phrase) else (leaf.token,)
        prefix = isinstance(leaf, Prefix) or (isinstance(leaf, Phrase) and leaf.prefix)
        expression = _literal(leaf.fields, tokens, prefix=prefix)
        if prefix and tokens[-1:] == tokens and len(tokens[0]) < _SHORT:
            each = [_literal([field], tokens, prefix=True) for field in leaf.fields]
            return expression, partial(self._present, leaf.fields, each), partial(self._matching, expression)
        return expression, partial(self._frequencies, leaf.fields, tokens, prefix), partial(self._matching, expression)

    def _matching(self, expression: str, first: int, last: int) -> Postings:
        """The articles that FTS5 finds."""
        # One long text is made and read much faster than a row for each number.
        statement = "SELECT group_concat(rowid) FROM fts WHERE fts MATCH ? AND rowid BETWEEN ? AND ?"
        return Postings(_numbers(self._connection, statement, (expression, first, last)))

    def _frequencies(self, fields: Sequence[str], tokens: Sequence[str], prefix: bool, first: int, last: int) -> Postings:
        """The articles with a phrase, and its weighed frequency in each, which bm25() is solved for.

        bm25() of one phrase is r * f / (f + k) with the frequency f, a rarity r that is the value for boundless weights, and
        k = 1.2 * (0.25 + 0.75 * length / mean length). The table keeps no lengths (reading them would take four times as long as all
        the rest), so FTS5 takes -1 for the length of each column.
        """
        expression = _literal(fields, tokens, prefix=prefix)
        k = self._k()
        if abs(k) < 1e-3:
            return self._present(fields, [_literal([field], tokens, prefix=prefix) for field in fields], first, last)
        if last - first < _STRETCH:
            # bm25() begins with reading the whole list; a few articles are read faster.
            found = self._matching(expression, first, last).numbers
            if len(found) < _FEW:
                return self._counted(fields, tuple(tokens), prefix, found)
        rarity = self._connection.execute(f"SELECT bm25(fts, {_BOUNDLESS}) FROM fts WHERE fts MATCH ? LIMIT 1", (expression,)).fetchone()  # noqa: S608
        if rarity is None:
            return _nothing()
        often = f"min({_MOST}, CAST({k / _SCALE!r} / (? / bm25(fts, {_WEIGHTS}) - 1) + 0.5 AS INTEGER))"
        statement = (
            f"SELECT group_concat(code) FROM (SELECT rowid * {_MOST + 1} + {often} AS code FROM fts"  # noqa: S608 - our numbers
            " WHERE fts MATCH ? AND rowid BETWEEN ? AND ? LIMIT -1 OFFSET 0)"
        )
        codes = _numbers(self._connection, statement, (rarity[0], expression, first, last), wide=True)
        return Postings((codes // (_MOST + 1)).astype(np.int32), (codes % (_MOST + 1)).astype(np.float32))

    def _counted(self, fields: Sequence[str], tokens: tuple[str, ...], prefix: bool, numbers: NDArray[np.signedinteger]) -> Postings:
        """How often the phrase stands in each of `numbers` (ascending), by reading them."""
        pattern = _phrase_pattern(tokens, prefix, literal=True)
        places = [(TEXT_COLUMNS.index(field), WEIGHTS[field]) for field in fields]
        counts = {
            number: sum(weight * sum(1 for _ in pattern.finditer(texts[place])) for place, weight in places)
            for number, texts in self._texts(numbers.tolist())
        }
        found = np.array([min(_MOST, counts[number]) for number in numbers.tolist()], np.float32)
        return Postings(numbers.astype(np.int32), found)

    def _k(self) -> float:
        """What bm25() adds to every frequency; FTS5 keeps the number of articles and the tokens of each column in its row 1."""
        block = self._connection.execute("SELECT block FROM fts_data WHERE id = 1").fetchone()
        # Of an index that has never held anything it is empty.
        articles, *tokens = _varints(block[0]) if block and block[0] else (0,)
        return 1.2 * (0.25 - 0.75 * _COLUMNS * articles / sum(tokens)) if sum(tokens) else 0.0

    def _present(self, fields: Sequence[str], expressions: Sequence[str], first: int, last: int) -> Postings:
        """The articles in which a field matches its expression, and the weights of those that do."""
        counts = np.zeros(len(self._columns), np.float32)
        for field, expression in zip(fields, expressions, strict=False):
            counts[self._matching(expression, first, last).numbers] += WEIGHTS[field]
        numbers = np.flatnonzero(counts).astype(np.int32)
        return Postings(numbers, counts[numbers])

    def _words_like(self, leaf: Pattern) -> list[str]:
        start = leaf.pattern[: min(leaf.pattern.find(mark) for mark in "*?" if mark in leaf.pattern)]
        accented = has_accents(leaf.pattern)
        rows = self._connection.execute(
            "SELECT term FROM vocabulary WHERE term >= ? AND term < ? AND term GLOB ? LIMIT ?",
            (start, start + "\U0010ffff", leaf.pattern, MAX_PATTERN_WORDS + 1),
        ).fetchall()
        if len(rows) > MAX_PATTERN_WORDS:
            raise QueryError(
                f"Quá nhiều từ khớp với {leaf.pattern!r}; hãy thêm chữ",
                f"Too many words match {leaf.pattern!r}; add some letters",
                leaf.position,
            )
        return [f'"{word}"' for (word,) in rows if accented or not has_accents(word)]

    def _looked_at(self, leaf: Phrase, first: int, last: int) -> Postings:
        """The articles with a phrase that FTS5 cannot decide: of accented and plain words, or within some distance."""
        accented = [has_accents(token) for token in leaf.tokens]
        # As typed, and near enough in any order, it is sure; only what else folds to it, or stands further apart, must be looked at.
        sure = self._frequencies(leaf.fields, leaf.tokens, leaf.prefix, first, last)
        literal = _literal(leaf.fields, leaf.tokens, prefix=leaf.prefix)
        size = len(leaf.tokens)
        if leaf.slop >= size and len(set(leaf.tokens)) == size:
            # Of `size` different words within a stretch of slop + 1 places none must be moved further than slop.
            close = self._present(leaf.fields, [_near([field], leaf.tokens, leaf.slop - size) for field in leaf.fields], first, last)
            sure = _either(sure, close)
            literal = _near(leaf.fields, leaf.tokens, leaf.slop - size)
        if leaf.slop:
            exact = leaf.tokens if all(accented) else tuple(map(fold_token, leaf.tokens))
            candidates = _near(leaf.fields, exact, leaf.slop + size)
        else:
            candidates = _literal(leaf.fields, tuple(map(fold_token, leaf.tokens)), prefix=leaf.prefix)
        if last - first >= _STRETCH:
            # FTS5 looks for the next match beyond the last row too: for a few rows it is asked for what is not rare.
            for token in () if all(accented) else dict.fromkeys(token for token, exact in zip(leaf.tokens, accented, strict=True) if exact):
                last_one = leaf.prefix and token == leaf.tokens[-1]
                candidates = f"({candidates}) AND ({_literal(leaf.fields, (token,), prefix=last_one)})"
            candidates = f"({candidates}) NOT ({literal})"
        unsure = self._matching(candidates, first, last).numbers
        unsure = np.setdiff1d(unsure, sure.numbers, assume_unique=True)
        places = [TEXT_COLUMNS.index(field) for field in leaf.fields]
        weights = [WEIGHTS[field] for field in leaf.fields]
        look = _look_near if leaf.slop else _look_literally
        found: list[tuple[int, float]] = []
        for number, texts in self._texts(unsure.tolist()):
            weight = sum(weight * look(leaf, texts[place]) for place, weight in zip(places, weights, strict=True))
            if weight:
                found.append((number, weight))
        if not found:
            return sure
        more = Postings(np.array([number for number, _ in found], np.int32), np.array([weight for _, weight in found], np.float32))
        return _either(sure, more)

    def _texts(self, numbers: Sequence[int]) -> Iterator[tuple[int, list[str]]]:
        """The exact words of articles, a text for each of TEXT_COLUMNS."""
        for start in range(0, len(numbers), _BATCH):
            rows = self._connection.execute(
                "SELECT number, content FROM document WHERE number IN (SELECT value FROM json_each(?))",
                (json.dumps(numbers[start : start + _BATCH]),),
            )
            for number, content in rows:
                yield number, words_in(content).split("\n")


def packed_content(record: bytes, words: str) -> bytes:
    """What is stored of an article: its record (JSON) and its words together, as they are nearly the same text."""
    return zlib.compress(record + b"\0" + words.encode(), 1)


def record_in(content: bytes) -> bytes:
    """The record in what `packed_content` gave."""
    return zlib.decompress(content).partition(b"\0")[0]


def words_in(content: bytes) -> str:
    """The words in what `packed_content` gave."""
    return zlib.decompress(content).partition(b"\0")[2].decode()


def _numbers(connection: sqlite3.Connection, statement: str, values: Sequence[object], *, wide: bool = False) -> NDArray[np.signedinteger]:
    """The numbers in the one text that `statement` gives."""
    text = connection.execute(statement, values).fetchone()[0]
    found = np.fromstring(text or "", np.int64, sep=",")
    return found if wide else found.astype(np.int32)


def _nothing() -> Postings:
    return Postings(np.zeros(0, np.int32), np.zeros(0, np.float32))


def _either(one: Postings, other: Postings) -> Postings:
    """What is in either list; the count of what is in both is that of the first."""
    assert one.counts is not None
    assert other.counts is not None
    numbers, first = np.unique(np.concatenate([one.numbers, other.numbers]), return_index=True)
    return Postings(numbers, np.concatenate([one.counts, other.counts])[first])


def _varints(block: bytes) -> list[int]:
    """The numbers of a block in SQLite's variable-length form.

    >>> _varints(bytes([5, 0x81, 0x00]))
    [5, 128]
    """
    found: list[int] = []
    value = size = 0
    for byte in block:
        size += 1
        if size == 9:
            found.append(value << 8 | byte)
        else:
            value = value << 7 | byte & 0x7F
            if byte & 0x80:
                continue
            found.append(value)
        value = size = 0
    return found


# -- expressions ------------------------------------------------------------------------------------------------------------------


def _literal(fields: Sequence[str], tokens: Sequence[str], *, prefix: bool) -> str:
    """What finds the tokens one behind the other: as they are when one is accented, else in any accents."""
    form = "x" if any(map(has_accents, tokens)) else "f"
    return f'{{{_columns(fields, form)}}} : "{" ".join(tokens)}"{" *" if prefix else ""}'


def _near(fields: Sequence[str], tokens: Sequence[str], between: int) -> str:
    """What finds the tokens in any order with at most `between` others from the first to the last."""
    form = "x" if any(map(has_accents, tokens)) else "f"
    words = " ".join(f'"{token}"' for token in tokens)
    return f"{{{_columns(fields, form)}}} : NEAR({words}, {between})"


def _columns(fields: Sequence[str], form: str) -> str:
    return " ".join(f"{field}_{form}" for field in fields)


# -- looking at words -------------------------------------------------------------------------------------------------------------

_ACCENTED: dict[str, str] = {}
for _code, _plain in FOLDED.items():
    _ACCENTED[_plain] = _ACCENTED.get(_plain, "") + chr(_code)


@lru_cache(maxsize=1000)
def _word_pattern(token: str) -> str:
    """What an accented token matches is itself; a plain one matches with any accents."""
    if has_accents(token):
        return re.escape(token)
    return "".join(f"[{letter}{_ACCENTED[letter]}]" if letter in _ACCENTED else re.escape(letter) for letter in token)


@lru_cache(maxsize=1000)
def _phrase_pattern(tokens: tuple[str, ...], prefix: bool, *, literal: bool = False) -> re.Pattern[str]:
    """Finds a phrase in a text of exact tokens; `literal`: a plain word beside an accented one matches without accents only."""
    word: Callable[[str], str] = re.escape if literal and any(map(has_accents, tokens)) else _word_pattern
    # Nothing but the beginning is taken up, so that "a a" stands twice in "a a a", as FTS5 counts it.
    return re.compile(r"(?<!\S)(?=" + " ".join(map(word, tokens)) + ("" if prefix else r"(?!\S)") + ")")


def _look_literally(leaf: Phrase, text: str) -> int:
    """How often the phrase stands in a text of exact tokens."""
    return sum(1 for _ in _phrase_pattern(leaf.tokens, leaf.prefix).finditer(text))


def _look_near(leaf: Phrase, text: str) -> int:
    """1 when the phrase stands in a text of exact tokens within its slop, else 0."""
    places: dict[str, list[int]] = {}
    for token in dict.fromkeys(leaf.tokens):
        found: list[int] = []
        position = start = 0
        for match in _phrase_pattern((token,), False).finditer(text):
            position += text.count(" ", start, match.start())
            start = match.start()
            found.append(position)
        if not found:
            return 0
        places[token] = found
    return int(near_enough(leaf.tokens, [places[token] for token in leaf.tokens], leaf.slop))
