"""The query language: a text becomes a small tree that both engines translate.

luqum reads the query by Lucene's grammar. Two things differ from it, so the token stream is arranged before the grammar
sees it: adjacent words bind tighter than AND and OR, and NOT takes all the adjacent words behind it. docs/query-language.md
describes the language for people.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import luqum.parser
from luqum import tree
from luqum.exceptions import ParseError
from luqum.head_tail import TokenValue

from diembao.clock import start_of_day, to_utc
from diembao.errors import QueryError
from index.abbreviations import NONE, Abbreviations
from index.analysis import analyse, fold_letter, forms, keyword
from index.document import url_key

MAX_LENGTH = 10_000
"""Code points of a query."""
MAX_LEAVES = 500
"""Words, phrases and values of a query, abbreviations expanded."""
MAX_DEPTH = 40
"""Parentheses, fields and negations inside each other."""
MAX_TREE = 20
"""Levels of the tree; Elasticsearch takes 30 and adds some of its own."""
MAX_SLOP = 1000

DEFAULT_FIELDS = ("title", "lead", "body")
TEXT_FIELDS = {
    "title": "title", "lead": "lead", "body": "body", "author": "author", "authors": "author", "section": "section", "tag": "tag",
    "tags": "tag", "place": "place", "places": "place",
}  # fmt: skip
"""Fields that are searched word by word, by the names that a query may use."""
KEYWORD_FIELDS = {
    "topic": "topic", "topics": "topic", "sentiment": "sentiment", "critical_of": "critical_of", "source": "source", "kind": "kind",
    "page_kind": "page_kind", "story": "story", "story_id": "story", "copy_of": "copy_of", "id": "id", "url": "url",
}  # fmt: skip
"""Fields that are compared as a whole."""
SYNONYMS = "syn"
"""The field under which a word also means its synonyms."""
EXACT_FIELDS = ("story", "copy_of", "id")
"""Those of them whose capitals count."""
DATE_FIELDS = {
    "published_at": "published_at", "published": "published_at", "date": "published_at", "modified_at": "modified_at",
    "fetched_at": "fetched_at", "first_seen_at": "first_seen_at",
}  # fmt: skip


@dataclass(frozen=True)
class All:
    """Every article."""


@dataclass(frozen=True)
class Term:
    """One of `fields` contains the search token: an accented token is that word, one without accents any of its accented forms."""

    fields: tuple[str, ...]
    token: str


@dataclass(frozen=True)
class Prefix:
    """One of `fields` contains a token that begins with `token`."""

    fields: tuple[str, ...]
    token: str


@dataclass(frozen=True)
class Pattern:
    """One of `fields` contains a token that matches `pattern`, in which `*` is any letters and `?` is one token character."""

    fields: tuple[str, ...]
    pattern: str
    position: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Phrase:
    """One of `fields` contains the tokens in order, or within `slop` moves (Lucene's meaning); `prefix`: the last is a beginning."""

    fields: tuple[str, ...]
    tokens: tuple[str, ...]
    slop: int = 0
    prefix: bool = False


@dataclass(frozen=True)
class Keyword:
    """`field` has `value` (in the form in which the field's keys are compared)."""

    field: str
    value: str


@dataclass(frozen=True)
class Exists:
    """`field` is not empty."""

    field: str


@dataclass(frozen=True)
class Range:
    """The time `field` lies in [since, until), aware UTC; None is open."""

    field: str
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True)
class And:
    """All of `parts`."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    """Any of `parts`."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    """Not `part`."""

    part: Node


Leaf = Term | Prefix | Pattern | Phrase | Keyword | Exists | Range | All
Node = Leaf | And | Or | Not


def parse_query(query: str, abbreviations: Abbreviations = NONE) -> Node:
    """The tree of `query`; an empty one is All.

    Raises:
        QueryError: when it cannot be understood; says where and why.

    >>> parse_query("lũ OR Đà Nẵng")
    Or(parts=(Term(fields=('title', 'lead', 'body'), token='lũ'), And(parts=(Term(fields=('title', 'lead', 'body'), token='đà'), \
Term(fields=('title', 'lead', 'body'), token='nẵng')))))
    """
    if not query.strip():
        return All()
    if len(query) > MAX_LENGTH:
        raise QueryError(f"Câu tìm kiếm dài quá {MAX_LENGTH} ký tự", f"The query is longer than {MAX_LENGTH} characters", MAX_LENGTH)
    tokens = _lex(_tame(query))
    if not tokens:
        raise _no_words(0)
    node = _Reader(abbreviations).read(_grammar(query, _Arranger(tokens).arrange()), None, 0)
    if node is None:
        raise _no_words(0)
    if _depth(node) > MAX_TREE:
        raise _too_deep(None)
    return node


def _depth(node: Node) -> int:
    if isinstance(node, And | Or):
        return 1 + max(map(_depth, node.parts))
    return 1 + _depth(node.part) if isinstance(node, Not) else 1


def leaves(node: Node, *, negated: bool = False) -> Iterator[tuple[Leaf, bool]]:
    """Every leaf of `node` with whether it is excluded (under an odd number of NOT)."""
    if isinstance(node, And | Or):
        for part in node.parts:
            yield from leaves(part, negated=negated)
    elif isinstance(node, Not):
        yield from leaves(node.part, negated=not negated)
    else:
        yield node, negated


def has_accents(token: str) -> bool:
    """Whether the search token has accents, so that it means exactly that word."""
    return fold_token(token) != token


def fold_token(token: str) -> str:
    """The search token without accents."""
    return "".join(map(fold_letter, token))


# -- from text to tokens ----------------------------------------------------------------------------------------------------------

_QUOTES = "“”„‟«»＂"
_REGEX = re.compile(r"/\S+/(?=[\s)]|$)")


def _tame(query: str) -> str:
    """`query` with what luqum's lexer would stumble over made harmless; every character keeps its position.

    Typographic quotes become plain ones; a dash, plus, apostrophe or slash that stands alone is punctuation.
    """
    letters = list(query)
    quoted_at: int | None = None
    position = 0
    while position < len(letters):
        letter = letters[position]
        if letter in _QUOTES:
            letter = letters[position] = '"'
        follows = letters[position + 1] if position + 1 < len(letters) else " "
        before = letters[position - 1] if position else " "
        if letter == "\\":
            if position + 1 == len(letters):
                letters[position] = " "
            position += 2
            continue
        if letter == '"':
            quoted_at = position if quoted_at is None else None
        elif quoted_at is None and (before.isspace() or before in '(:+-"'):
            if letter == "/" and _REGEX.match("".join(letters[position : position + 200])):
                raise QueryError("Không hỗ trợ biểu thức chính quy /…/", "Regular expressions /…/ are not supported", position)
            if letter in "'/" or (letter in "+-" and follows.isspace()):
                letters[position] = " "
        position += 1
    if quoted_at is not None:
        raise QueryError('Thiếu dấu ngoặc kép đóng (")', 'The quotation mark (") is not closed', quoted_at)
    return "".join(letters)


def _lex(query: str) -> list[Any]:
    lexer = luqum.parser.lexer.clone()
    # luqum keeps the spaces of the query for printing it again; its bookkeeping starts at position 0, so nothing may stand before.
    offset = len(query) - len(query.lstrip())
    try:
        lexer.input(query[offset:])
        tokens = list(lexer)
    except ParseError as error:
        found = re.search(r"at position (\d+)", str(error))
        position = int(found.group(1)) + offset if found else None
        raise QueryError("Ký tự này không hợp lệ ở đây", "This character cannot stand here", position) from error
    for token in tokens:
        token.lexpos += offset
        token.value.pos = token.lexpos
        if token.type == "TERM" and token.value.value in ("&&", "||"):
            value = TokenValue(token.value.value)
            value.pos, value.size = token.lexpos, 2
            token.type, token.value = ("AND_OP" if value.value == "&&" else "OR_OP"), value
    return tokens


class _Arranger:
    """Puts parentheses around adjacent words, and finds what the grammar would report without a reason."""

    def __init__(self, tokens: list[Any]) -> None:
        self._tokens = tokens
        self._next = 0

    def arrange(self) -> list[Any]:
        arranged = self._level(0)
        if (token := self._peek()) is not None:
            raise QueryError("Thừa dấu ngoặc đóng )", "A closing parenthesis ) without an opening one", token.lexpos)
        return arranged

    def _peek(self, ahead: int = 0) -> Any:
        position = self._next + ahead
        return self._tokens[position] if position < len(self._tokens) else None

    def _take(self) -> Any:
        self._next += 1
        return self._tokens[self._next - 1]

    def _level(self, depth: int) -> list[Any]:
        if depth > MAX_DEPTH:
            raise _too_deep(self._peek().lexpos if self._peek() else None)
        arranged: list[Any] = []
        while True:
            run: list[list[Any]] = []
            while (token := self._peek()) is not None and token.type not in ("AND_OP", "OR_OP", "RPAREN"):
                run.append(self._unit(depth))
            if not run:
                raise self._missing(token)
            arranged += _in_parentheses(run)
            if token is None or token.type == "RPAREN":
                return arranged
            arranged.append(self._take())

    def _missing(self, token: Any) -> QueryError:
        before = self._peek(-1) if self._next else None
        if token is not None and token.type == "RPAREN" and before is not None and before.type == "LPAREN":
            return QueryError("Trong ngoặc không có gì", "There is nothing in the parentheses", before.lexpos)
        operator = before if before is not None and before.type in ("AND_OP", "OR_OP") else token
        if operator is None or operator.type in ("LPAREN", "RPAREN"):
            position = operator.lexpos if operator is not None else None
            return QueryError("Thiếu từ cần tìm ở đây", "A word is missing here", position)
        name = operator.value.value
        return QueryError(f"{name} cần từ ở cả hai bên", f"{name} needs a word on both sides", operator.lexpos)

    def _unit(self, depth: int) -> list[Any]:
        if depth > MAX_DEPTH:
            raise _too_deep(self._peek().lexpos if self._peek() else None)
        token = self._take()
        kind = token.type
        if kind in ("NOT", "PLUS", "MINUS"):
            if self._peek() is None or self._peek().type in ("AND_OP", "OR_OP", "RPAREN"):
                name = token.value.value
                raise QueryError(f"Sau {name} phải có một từ", f"{name} needs a word behind it", token.lexpos)
            words = [self._unit(depth + 1)]
            if kind == "NOT" and _is_bare_word(words[0]):
                while self._peek() is not None and self._peek().type == "TERM" and not self._is_field():
                    words.append(self._unit(depth + 1))
            return [token, *_in_parentheses(words)]
        if kind == "TERM" and self._peek() is not None and self._peek().type == "COLUMN":
            colon = self._take()
            if self._peek() is None or self._peek().type in ("AND_OP", "OR_OP", "RPAREN", "COLUMN"):
                name = token.value.value
                raise QueryError(f"Sau {name}: phải có giá trị", f"{name}: needs a value behind it", colon.lexpos)
            return [token, colon, *self._unit(depth + 1)]
        if kind == "LPAREN":
            inner = self._level(depth + 1)
            if self._peek() is None:
                raise QueryError("Thiếu dấu ngoặc đóng )", "The parenthesis ( is not closed", token.lexpos)
            return self._with_suffixes([token, *inner, self._take()])
        if kind == "LBRACKET":
            unit = [token]
            while self._peek() is not None and unit[-1].type != "RBRACKET":
                unit.append(self._take())
            if [part.type for part in unit if part.type != "MINUS"][2:3] != ["TO"] or unit[-1].type != "RBRACKET":
                raise QueryError(
                    "Khoảng phải có dạng [từ TO đến], ví dụ published_at:[2026-11-01 TO 2026-11-20]",
                    "A range is written [from TO to], such as published_at:[2026-11-01 TO 2026-11-20]",
                    token.lexpos,
                )
            return unit
        if kind in ("LESSTHAN", "GREATERTHAN"):
            if self._peek() is None or self._peek().type not in ("TERM", "PHRASE"):
                raise QueryError("Sau dấu so sánh phải có giá trị", "A comparison needs a value behind it", token.lexpos)
            return [token, self._take()]
        if kind in ("TERM", "PHRASE", "TO", "REGEX"):
            return self._with_suffixes([token])
        raise _unexpected(token)

    def _with_suffixes(self, unit: list[Any]) -> list[Any]:
        while self._peek() is not None and self._peek().type in ("APPROX", "BOOST"):
            suffix = self._take()
            degree = str(suffix.value.value or "")
            if suffix.type == "BOOST" and not re.fullmatch(r"[0-9]+(\.[0-9]+)?", degree):
                raise QueryError("Sau ^ phải là một số", "^ needs a number", suffix.lexpos)
            if suffix.type == "APPROX" and unit[-1].type == "TERM":
                raise QueryError(
                    'Không hỗ trợ tìm gần đúng từ~; hãy dùng từ* hoặc "cụm từ"~5',
                    'Fuzzy search word~ is not supported; use word* or "a phrase"~5',
                    unit[-1].lexpos,
                )
            if suffix.type == "APPROX" and not (degree.isdecimal() and len(degree) <= len(str(MAX_SLOP)) and int(degree) <= MAX_SLOP):
                raise QueryError(
                    f'Sau "cụm từ"~ phải là số nguyên từ 0 đến {MAX_SLOP}',
                    f'"a phrase"~ needs a whole number from 0 to {MAX_SLOP}',
                    suffix.lexpos,
                )
            unit.append(suffix)
        return unit

    def _is_field(self) -> bool:
        following = self._peek(1)
        return following is not None and following.type == "COLUMN"


def _is_bare_word(unit: list[Any]) -> bool:
    return unit[0].type == "TERM" and (len(unit) == 1 or unit[1].type != "COLUMN")


def _in_parentheses(run: list[list[Any]]) -> list[Any]:
    flat = list(itertools.chain.from_iterable(run))
    if len(run) == 1:
        return flat
    return [_parenthesis("LPAREN", "(", flat[0].lexpos), *flat, _parenthesis("RPAREN", ")", flat[-1].lexpos)]


def _parenthesis(kind: str, letter: str, position: int) -> Any:
    token = luqum.parser.lex.LexToken()
    token.type, token.value, token.lineno, token.lexpos = kind, TokenValue(letter), 1, position
    token.value.pos, token.value.size = position, 0
    return token


_grammar_lock = threading.Lock()


def _grammar(query: str, tokens: list[Any]) -> tree.Item:
    """The tokens as luqum's tree. Its parser keeps state between calls, hence the lock."""
    stream = iter(tokens)
    with _grammar_lock:
        try:
            return luqum.parser.parser.parse(None, lexer=luqum.parser.lexer.clone(), tokenfunc=lambda: next(stream, None))
        except ParseError as error:
            found = re.search(r"at position (\d+)", str(error))
            position = int(found.group(1)) if found else None
            part = query[position] if position is not None and position < len(query) else ""
            raise QueryError(f"Không hiểu chỗ này: {part!r}", f"This cannot be understood: {part!r}", position) from error


# -- from luqum's tree to ours ----------------------------------------------------------------------------------------------------


class _Reader:
    """Translates luqum's tree; None stands for a part without any word (`-`, `!!!`), which is passed over."""

    def __init__(self, abbreviations: Abbreviations) -> None:
        self._abbreviations = abbreviations
        self._leaves = 0

    def read(self, item: tree.Item, field: str | None, depth: int) -> Node | None:
        if depth > MAX_DEPTH * 3:
            raise _too_deep(item.pos)
        node = self._read(item, field, depth)
        if node is not None and not isinstance(node, And | Or | Not):
            self._count(1, item.pos)
        return node

    def _count(self, more: int, position: int | None) -> None:
        self._leaves += more
        if self._leaves > MAX_LEAVES:
            raise QueryError(f"Câu tìm kiếm có quá {MAX_LEAVES} từ", f"The query has more than {MAX_LEAVES} words", position)

    def _read(self, item: tree.Item, field: str | None, depth: int) -> Node | None:
        match item:
            case tree.Word():
                return self._word(item, field)
            case tree.Phrase():
                return self._phrase(item, field, 0)
            case tree.Proximity():
                return self._phrase(item.term, field, int(item.degree))
            case tree.Range() | tree.From() | tree.To():
                return _range(item, field)
            case tree.SearchField():
                return self._field(item, field, depth)
            case tree.BaseGroup():
                return self.read(item.expr, field, depth + 1)
            case tree.Not() | tree.Prohibit():
                part = self.read(item.a, field, depth + 1)
                return None if part is None else part.part if isinstance(part, Not) else Not(part)
            case tree.Plus():
                return self.read(item.a, field, depth + 1)
            case tree.Boost():
                return self.read(item.expr, field, depth + 1)
            case tree.AndOperation() | tree.UnknownOperation():
                return _joined(And, [self.read(part, field, depth + 1) for part in item.children])
            case tree.OrOperation():
                return _joined(Or, [self.read(part, field, depth + 1) for part in item.children])
            case _:
                raise QueryError("Không hỗ trợ cú pháp này", "This syntax is not supported", item.pos)

    def _field(self, item: tree.SearchField, outer: str | None, depth: int) -> Node | None:
        name = item.name.lower()
        if name == SYNONYMS and outer is None:
            return self._synonyms(item.expr)
        if outer is not None:
            raise QueryError("Một trường không thể nằm trong trường khác", "A field cannot stand inside another field", item.pos)
        if name == "*" and isinstance(item.expr, tree.Word) and item.expr.value == "*":
            return All()
        if name not in TEXT_FIELDS and name not in KEYWORD_FIELDS and name not in DATE_FIELDS:
            known = ", ".join(["title", "lead", "body", "author", "section", "tag", "place", "topic", "sentiment", "critical_of", "source",
                               "kind", "page_kind", "story", "url", "published_at", SYNONYMS])  # fmt: skip
            raise QueryError(
                f"Không có trường {item.name!r}; các trường: {known}. Dấu hai chấm trong văn bản phải đặt trong ngoặc kép",
                f"There is no field {item.name!r}; fields: {known}. A colon that belongs to the text must stand inside quotation marks",
                item.pos,
            )
        node = self.read(item.expr, name, depth + 1)
        if node is None:
            raise QueryError(f"Sau {item.name}: phải có giá trị", f"{item.name}: needs a value behind it", item.pos)
        return node

    def _synonyms(self, item: tree.Item) -> Node:
        """A word or phrase, or any other of one meaning."""
        if not isinstance(item, tree.Word | tree.Phrase) or (isinstance(item, tree.Word) and re.search(r"[*?]", item.value)):
            raise QueryError(
                f'Sau {SYNONYMS}: phải là một từ hoặc một "cụm từ"', f'{SYNONYMS}: needs one word or one "phrase" behind it', item.pos
            )
        text = re.sub(r"\\(.)", r"\1", item.value[1:-1] if isinstance(item, tree.Phrase) else item.value)
        node = self._text(text, DEFAULT_FIELDS, 0, item.pos)
        if node is None:
            raise QueryError(f"Sau {SYNONYMS}: phải có một từ", f"{SYNONYMS}: needs a word behind it", item.pos)
        others = self._abbreviations.synonyms(analyse(text))
        self._count(len(others), item.pos)
        same: list[Node | None] = [Term(DEFAULT_FIELDS, words[0]) if len(words) == 1 else Phrase(DEFAULT_FIELDS, words) for words in others]
        return _joined(Or, [node, *same]) or node

    def _word(self, item: tree.Word, field: str | None) -> Node | None:
        raw = item.value
        if raw == "*":
            return All() if field is None else Exists(_canonical(field))
        if field is not None and field in DATE_FIELDS:
            return Range(DATE_FIELDS[field], *_period(raw, item.pos))
        if field is not None and field in KEYWORD_FIELDS:
            if re.search(r"(?<!\\)[*?]", raw) and KEYWORD_FIELDS[field] != "url":
                raise QueryError(
                    f"Trường {field} không dùng được * và ?", f"The field {field} does not take * and ?", item.pos
                )  # fmt: skip
            return _keyword(field, re.sub(r"\\(.)", r"\1", raw))
        fields = _text_fields(field)
        shielded = re.sub(r"\\(.)", lambda found: " " if found.group(1) in "*?\\" else found.group(1), raw)
        stripped = shielded.rstrip("?!.,;…")
        if re.match(r"[^\w*?]*[*?]", stripped) and re.search(r"\w", stripped):
            raise QueryError(
                "Dấu * hoặc ? không được đứng đầu từ", "A wildcard (* or ?) cannot begin a word", item.pos
            )  # fmt: skip
        if re.search(r"\w[*?]", stripped):
            return self._wildcard(stripped, fields, item.pos)
        return self._text(shielded, fields, 0, item.pos)

    def _wildcard(self, word: str, fields: tuple[str, ...], position: int) -> Node | None:
        ending = re.search(r"\*+$", word)
        body = word[: ending.start()] if ending else word
        if ending and not re.search(r"[*?]", body):
            tokens = tuple(token.exact for token in analyse(body))
            return Prefix(fields, tokens[0]) if len(tokens) == 1 else Phrase(fields, tokens, prefix=True)
        if not re.fullmatch(r"[\w*?]+", word) or "_" in word:
            raise QueryError(
                "Dấu * hoặc ? trong từ chỉ dùng với chữ và số", "A wildcard inside a word goes with letters and digits only", position
            )
        if re.match(r"[^*?]?\*", word):
            raise QueryError("Trước dấu * trong từ phải có ít nhất hai chữ", "A * inside a word needs two letters before it", position)
        # Each piece is normalised by itself: the tone of an unfinished syllable cannot be placed anew.
        pieces = re.split(r"([*?])", word)
        return Pattern(fields, "".join(piece if piece in ("*", "?", "") else forms(piece)[0] for piece in pieces), position)

    def _phrase(self, item: tree.Phrase, field: str | None, slop: int) -> Node | None:
        text = re.sub(r"\\(.)", r"\1", item.value[1:-1])
        if field is not None and field in DATE_FIELDS:
            return Range(DATE_FIELDS[field], *_period(text, item.pos))
        if field is not None and field in KEYWORD_FIELDS:
            return _keyword(field, text)
        return self._text(text, _text_fields(field), slop, item.pos)

    def _text(self, text: str, fields: tuple[str, ...], slop: int, position: int) -> Node | None:
        """The words of `text` in order, with abbreviations and both ways of writing a thousand as alternatives."""
        words = analyse(text)
        if not words:
            return None
        variants = self._abbreviations.variants(text, words)
        if variants is None:
            raise QueryError("Cụm từ có quá nhiều từ viết tắt", "The phrase has too many abbreviations", position)
        self._count(len(variants) - 1, position)
        nodes: list[Node] = [
            Term(fields, tokens[0]) if len(tokens) == 1 else Phrase(fields, tokens, slop) for tokens in dict.fromkeys(variants)
        ]
        return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))


def _joined(kind: type[And] | type[Or], parts: list[Node | None]) -> Node | None:
    known = [part for part in parts if part is not None]
    flat: list[Node] = []
    for part in known:
        flat += part.parts if isinstance(part, kind) else [part]
    return None if not flat else flat[0] if len(flat) == 1 else kind(tuple(flat))


def _canonical(field: str) -> str:
    return TEXT_FIELDS.get(field) or KEYWORD_FIELDS.get(field) or DATE_FIELDS[field]


def _text_fields(field: str | None) -> tuple[str, ...]:
    return DEFAULT_FIELDS if field is None else (TEXT_FIELDS[field],)


def _keyword(field: str, value: str) -> Node | None:
    name = KEYWORD_FIELDS[field]
    if not value.strip():
        return None
    return Keyword(name, url_key(value) if name == "url" else value.strip() if name in EXACT_FIELDS else keyword(value))


# -- dates ------------------------------------------------------------------------------------------------------------------------

_MILLISECOND = timedelta(milliseconds=1)
_EARLIEST, _LATEST = 1000, 9998


def _period(text: str, position: int | None) -> tuple[datetime, datetime]:
    """[beginning, end) of what `text` names: a day, month or year of Vietnam's calendar, or a moment."""
    text = re.sub(r"\\(.)", r"\1", text).strip()
    try:
        if found := re.fullmatch(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", text):
            year, month, day = (int(part) if part else None for part in found.groups())
        elif found := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text):
            day, month, year = map(int, found.groups())
        else:
            moment = to_utc(datetime.fromisoformat(text))
            return moment, moment + _MILLISECOND
        if year is None or not _EARLIEST <= year <= _LATEST:
            raise ValueError(text)
        begin = date(year, month or 1, day or 1)
        if day:
            end = begin + timedelta(days=1)
        elif month:
            end = date(year + month // 12, month % 12 + 1, 1)
        else:
            end = date(year + 1, 1, 1)
        return start_of_day(begin), start_of_day(end)
    except (ValueError, OverflowError) as error:
        raise QueryError(
            f"Không hiểu ngày {text!r}; hãy viết như 2026-11-20", f"{text!r} is not a date; write it like 2026-11-20", position
        ) from error


def _range(item: tree.Item, field: str | None) -> Node:
    if field is None or field not in DATE_FIELDS:
        raise QueryError(
            "Khoảng giá trị chỉ dùng với trường ngày, ví dụ published_at:[2026-11-01 TO 2026-11-20]",
            "A range goes with a date field only, such as published_at:[2026-11-01 TO 2026-11-20]",
            item.pos,
        )
    since = until = None
    match item:
        case tree.Range():
            since = _bound(item.low, low=True, inclusive=item.include_low)
            until = _bound(item.high, low=False, inclusive=item.include_high)
        case tree.From():
            since = _bound(item.a, low=True, inclusive=item.include)
        case _:
            until = _bound(item.a, low=False, inclusive=item.include)
    if since is not None and until is not None and since > until:
        raise QueryError("Ngày đầu ở sau ngày cuối", "The first date lies behind the last one", item.pos)
    return Range(DATE_FIELDS[field], since, until)


def _bound(item: tree.Item, *, low: bool, inclusive: bool) -> datetime | None:
    if not isinstance(item, tree.Word | tree.Phrase):
        raise QueryError("Không hiểu ngày này", "This date cannot be understood", item.pos)
    value = item.value[1:-1] if isinstance(item, tree.Phrase) else item.value
    if value == "*":
        return None
    begin, end = _period(value, item.pos)
    return begin if low == inclusive else end


def _no_words(position: int | None) -> QueryError:
    return QueryError("Câu tìm kiếm không có từ nào", "The query has no word to search for", position)


def _too_deep(position: int | None) -> QueryError:
    return QueryError("Quá nhiều ngoặc lồng nhau", "Too many parentheses inside each other", position)


def _unexpected(token: Any) -> QueryError:
    part = str(token.value.value if hasattr(token.value, "value") else token.value) if token.type != "APPROX" else "~"
    return QueryError(f"Không hiểu chỗ này: {part!r}", f"This cannot be understood: {part!r}", token.lexpos)
