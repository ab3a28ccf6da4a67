"""Linking: for each new article the copy that it is of, and the story that it continues.

The candidates come from what is indexed (through `CandidateFinder`) and from the articles of the same batch, so nothing is kept in
memory between batches. The origin of a text is who published it first, whichever the crawler saw first: when the original
arrives after its reprint, the reprint is pointed at it. Who credits another outlet that has the same text ("Nguồn: Báo Hậu Giang") is
not the origin, whatever times the pages print. The order is defined (`published`), so a replay gives the same groups.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from diembao.article import Article
from diembao.engine import CandidateFinder
from nlp.copies import Text, shingle, similarity
from nlp.stories import WINDOW, stories_joined, story_of

_FAR_FUTURE = datetime.max.replace(tzinfo=UTC)


def published(article: Article) -> tuple[datetime, datetime, str]:
    """The order of publication: when it was published, when it was first seen, its id.

    A page that prints only a day, and one that claims to come from the future, count from when they were first seen.
    """
    seen = article.first_seen_at or _FAR_FUTURE
    printed = article.published_at or _FAR_FUTURE
    moment = min(printed, seen) if article.published_precision != "day" or seen is _FAR_FUTURE else seen
    return moment, seen, article.id


def link(articles: Iterable[Article], finder: CandidateFinder) -> list[Article]:
    """`articles` in order of publication with `copy_of`, `similarity` and `story_id` set, then indexed ones whose origin changed.

    Args:
        articles: tagged articles (with `copy_keys` and `story_keys`), each id once.
        finder: the indexed articles.
    """
    new = sorted(articles, key=published)
    known = _Known(finder, {article.id for article in new})
    for article in new:
        _link_one(article, known)
    return [known.articles[article.id] for article in new] + known.repointed()


def _link_one(article: Article, known: _Known) -> None:
    text = _text(article)
    alike = {other.id: score for other in known.sharing_copy_keys(article) if (score := similarity(text, _text(other))) is not None}
    if not alike:
        known.put(article.with_fields(copy_of=None, similarity=None, story_id=_story(article, known)))
        return
    origins = [known.origin_of(known.articles[identity]) for identity in alike]
    origin = _first(origins)
    if _first([origin, article]) is origin:
        score = alike.get(origin.id) or max(alike.values())
        known.put(article.with_fields(copy_of=origin.id, similarity=round(score, 4), story_id=origin.story_id or origin.id))
        return
    known.put(article.with_fields(copy_of=None, similarity=None, story_id=origin.story_id or origin.id))
    for identity, score in alike.items():
        known.put(known.articles[identity].with_fields(copy_of=article.id, similarity=round(score, 4)))


def _first(articles: Sequence[Article]) -> Article:
    """Whose text it is: the first that credits none of the others; the first of all where everyone credits another."""
    return min(articles, key=lambda article: (any(says_from(article, other) for other in articles), published(article)))


def says_from(article: Article, other: Article) -> bool:
    """Whether `article` says that its text comes from the outlet of `other`, which is another one.

    The address of the credit decides by its host, its name by the outlet's id or host: "Báo Hậu Giang" is `baohaugiang`.
    """
    credit = article.credited_source
    if credit is None or (article.source and article.source == other.source):
        return False
    host = _host(credit.url or "")
    if host and host == _host(other.url) != _host(article.url):
        return True
    named = {_bare(part) for part in _PARTS.split(credit.name)} - {""}
    return bool(named & _outlet(other)) and not named & _outlet(article)


_PARTS = re.compile(r"\s*[,/;|]\s*|\s+[-\u2013\u2014]\s+")
"""What stands between the outlets of one credit: "Vietnamnet/Reuters"."""


def _outlet(article: Article) -> set[str]:
    """The names by which the outlet of `article` may be credited, in the form of `_bare`."""
    labels = _host(article.url).split(".")[:-1]
    return {_bare(name) for name in (article.source, *labels) if len(name) > 3} - {""}


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _bare(name: str) -> str:
    """Letters and digits of an outlet's name without marks, without what comes and goes ("Báo", "điện tử", "Online", ".vn")."""
    plain = unicodedata.normalize("NFD", name.lower().replace("đ", "d"))
    words = re.sub(r"[^a-z0-9. ]", "", plain.replace("-", "")).strip().removesuffix(".com.vn").removesuffix(".vn").split()
    letters = "".join(words).replace(".", "").removesuffix("online").removesuffix("dientu")
    return letters.removeprefix("bao") if len(letters) > 6 else letters


def _story(article: Article, known: _Known) -> str:
    """The story of `article`; stories that it shows to be one get the id of the one that began first.

    Only what was published before it is joined: an article that is linked again finds what it found the first time.
    """
    near = [other for other in known.sharing_story_keys(article) if other.copy_of is None]
    story = story_of(article, near) or article.id
    joined = stories_joined(article, story, [other for other in near if published(other) < published(article)])
    if not joined:
        return story
    begun = {
        name: min((published(other) for other in near if (other.story_id or other.id) == name), default=published(article))
        for name in (story, *joined)
    }
    kept = min(begun, key=lambda name: begun[name])
    for name in begun.keys() - {kept}:
        known.rename_story(name, kept)
    return kept


def _text(article: Article) -> Text:
    return shingle("\n".join((article.title, article.lead, article.body)))


class _Known:
    """The articles that can be candidates: those of the batch linked so far, and indexed ones as they were found."""

    def __init__(self, finder: CandidateFinder, batch: set[str]) -> None:
        self.articles: dict[str, Article] = {}
        self._finder = finder
        self._batch = batch
        self._changed: list[str] = []
        self._by_copy_key: dict[str, set[str]] = defaultdict(set)
        self._by_story_key: dict[str, set[str]] = defaultdict(set)

    def put(self, article: Article) -> None:
        """Set the linked form of an article of the batch, or the changed form of an indexed one."""
        if article.id not in self._batch and article.id not in self._changed and article != self.articles.get(article.id):
            self._changed.append(article.id)
        self._add(article)

    def repointed(self) -> list[Article]:
        """The indexed articles whose origin changed."""
        return [self.articles[identity] for identity in self._changed]

    def origin_of(self, article: Article) -> Article:
        """What `article` is a copy of; itself when it is none, or when its origin is not among the known ones."""
        return self.articles.get(article.copy_of, article) if article.copy_of else article

    def sharing_copy_keys(self, article: Article) -> list[Article]:
        self._remember(self._finder.copy_candidates(article))
        return self._found(article, {identity for key in article.copy_keys for identity in self._by_copy_key[key]})

    def sharing_story_keys(self, article: Article) -> list[Article]:
        moment = article.published_at or article.first_seen_at
        if moment:
            self._remember(self._finder.story_candidates(article, moment - WINDOW, moment + WINDOW))
        near = self._found(article, {identity for key in article.story_keys for identity in self._by_story_key[key]})
        return [other for other in near if not moment or not other.published_at or abs(moment - other.published_at) <= WINDOW]

    def rename_story(self, name: str, kept: str) -> None:
        """Give the articles of the story `name`, copies too, the story id `kept`; they are found from those that are known."""
        waiting = [other.id for other in self.articles.values() if other.story_id == name]
        done: set[str] = set()
        while waiting:
            identity = waiting.pop()
            if identity in done:
                continue
            done.add(identity)
            member = self.articles[identity]
            alike = [*self.sharing_story_keys(member), *self.sharing_copy_keys(member)]
            waiting += [other.id for other in alike if other.story_id == name]
            self.put(member.with_fields(story_id=kept))

    def _remember(self, indexed: Iterable[Article]) -> None:
        for other in indexed:
            if other.id not in self.articles and other.id not in self._batch:
                self._add(other)

    def _add(self, article: Article) -> None:
        self.articles[article.id] = article
        for key in article.copy_keys:
            self._by_copy_key[key].add(article.id)
        for key in article.story_keys:
            self._by_story_key[key].add(article.id)

    def _found(self, article: Article, identities: set[str]) -> list[Article]:
        return sorted((self.articles[identity] for identity in identities if identity != article.id), key=published)
