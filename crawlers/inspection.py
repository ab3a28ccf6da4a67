"""What was seen of an outlet on the network, and what follows from it: is its entry right, what is missing in it. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from crawlers.entrances import Role
from diembao.clock import vietnam_day
from diembao.source import Source

SAMPLE = 5
"""Articles that are fetched of one outlet."""

COVERAGE_LEAST = 3
"""Articles that must have been read before the share of those with a field, or without the province's name, says anything."""

STALE_DAYS = 30
"""Days without anything new after which an outlet is asked about; a provincial newspaper publishes dozens of articles a day."""

_SHARE = 0.5
"""Share of the pages that must be articles, and of the articles that must have a date."""

_MOST_FEEDS = 6
_MOST_SITEMAPS = 3
_FRONT_LINKS = 5
"""Links of the form of an article that a front page must have before it may serve as the listing."""

PATTERNS = (
    r"-\d{14,}\.\w{3,5}$", r"-post\d+\.\w{3,4}$", r"-postid\d+\.\w{3,4}$", r"-ar\d+\.html$", r"-a\d+\.html?$", r"-d\d+\.html?$",
    r"-i\d+/?$", r"-\d+\.html?$", r"-\d+\.\w{3,4}$", r"/\d{6}/[^/]+/?$", r"-\d{4,}/?$", r"/\d+\.html?$", r"\.\d+\.aspx$",
    r"/-/asset_publisher/", r"/\d{4}/\d{2}/[^/]+",
)  # fmt: skip
"""Forms of addresses of articles that outlets use, the most particular first; from the entries of the registry."""


@dataclass
class Entrance:
    """A feed, sitemap or listing that was asked for.

    Attributes:
        role: which of the three.
        url: its address.
        known: the entry names it.
        links: articles of the outlet that it leads to; of an index of sitemaps: the sitemaps.
        newest: the day of the newest, ISO; empty when it says none.
        problem: why it is of no use; empty when it works.
    """

    role: Role
    url: str
    known: bool
    links: int = 0
    newest: str = ""
    problem: str = ""

    @property
    def works(self) -> bool:
        """Whether it leads to articles."""
        return not self.problem and self.links > 0


@dataclass
class Sample:
    """One page that was fetched as an article.

    Attributes:
        url: its address.
        problem: the fate that it would get; empty for an article.
        detail: a line about it.
        filled: names of the fields of the Article that it has.
        published: ISO moment; empty when unknown.
        body: characters.
        extractor: "profile", "general" or "".
        family: the layout family; empty for none.
        page_kind: see `Article.page_kind`.
        local: it names the outlet's province, or the one that was merged into it.
        title: its headline.
    """

    url: str
    problem: str = ""
    detail: str = ""
    filled: list[str] = field(default_factory=list)
    published: str = ""
    body: int = 0
    extractor: str = ""
    family: str = ""
    page_kind: str = ""
    local: bool = False
    title: str = ""


@dataclass
class Inspection:
    """Everything that was seen of one outlet; goes through JSON.

    Attributes:
        source: its id.
        name: what its front page calls it.
        moved_to: where its front page leads, when that is another site.
        entrances: what was asked for.
        samples: the articles that were fetched.
        front_links: addresses on the front page that may be articles.
        problems: what went wrong besides, one line each.
    """

    source: str
    name: str = ""
    moved_to: str = ""
    entrances: list[Entrance] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    front_links: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def to_record(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Inspection:
        """The inverse of `to_record`."""
        return cls(
            **{
                **record,
                "entrances": [Entrance(**entrance) for entrance in record["entrances"]],
                "samples": [Sample(**sample) for sample in record["samples"]],
            }
        )

    @property
    def articles(self) -> list[Sample]:
        """The samples that are articles."""
        return [sample for sample in self.samples if not sample.problem]

    def family(self) -> str:
        """The layout family of most articles; empty when most have none."""
        counts = Counter(sample.family for sample in self.articles)
        return counts.most_common(1)[0][0] if counts else ""


def names_province(text: str, names: Iterable[str | None]) -> bool:
    """Whether `text` names one of the provinces, however the marks are set ("Thanh Hóa", "Thanh Hoá", "THANH HOA").

    >>> names_province("Tin từ TỈNH THANH HOÁ", ["Thanh Hóa"]), names_province("Giá thuê nhà", ["Huế"])
    (True, False)
    """
    folded = _fold(text)
    return any(name and re.search(rf"\b{re.escape(_fold(name))}\b", folded) for name in names)


def _fold(text: str) -> str:
    """Without marks, in lower case, but "huế" and "thuê" stay two words."""
    plain = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())


def problems_of(source: Source, seen: Inspection, today: date) -> list[str]:
    """Why the entry of `source` is not right, one line each; empty when it is.

    Args:
        source: the entry.
        seen: what was seen.
        today: in Vietnam.
    """
    if source.voice is not None:
        return [*seen.problems, *(f"{entrance.url}: {entrance.problem}" for entrance in seen.entrances if entrance.problem)]
    if seen.moved_to:
        return [f"it leads to another site now: {seen.moved_to} (set became, or change domain)"]
    working = [entrance for entrance in seen.entrances if entrance.works]
    listing = _front_page_listing(source, seen)
    if not working and not listing:
        broken: dict[str, list[Entrance]] = {}
        for entrance in seen.entrances:
            if entrance.known and entrance.problem:
                broken.setdefault(entrance.problem, []).append(entrance)
        # What is the same for the whole host (no address, robots.txt) is said once.
        said = {problem.partition(": ")[2] for problem in seen.problems}
        listed = [
            f"{same[0].role} {same[0].url}{f' and {len(same) - 1} more' if len(same) > 1 else ''}: {problem}"
            for problem, same in broken.items()
            if problem not in said
        ]
        why = "; ".join([*seen.problems, *listed]) or "no feed, no sitemap, and no links on the front page that look like articles"
        return [f"nothing leads to articles: {why}"]
    found: list[str] = []
    if source.checked:
        # What worked once and does not any more is a matter for a person; what was never seen to work is left out of the entry.
        found += [
            f"the {entrance.role} {entrance.url} worked on {source.checked}: {entrance.problem}"
            for entrance in seen.entrances
            if entrance.known and entrance.problem
        ]
    articles = seen.articles
    if len(articles) < _SHARE * len(seen.samples) or not articles:
        fates = Counter(sample.problem for sample in seen.samples if sample.problem)
        told = ", ".join(f"{fate} {number}" for fate, number in fates.items())
        found.append(f"{len(articles)} of {len(seen.samples)} pages could be read as articles{f' ({told})' if told else ''}")
        return found
    dated = [sample for sample in articles if sample.published]
    if len(dated) < _SHARE * len(articles):
        found.append(f"{len(dated)} of {len(articles)} articles have a date")
    if len(articles) >= COVERAGE_LEAST:
        for name, share in field_shares(articles, source).items():
            if share < source.coverage[name]:
                found.append(f"{name} is filled in {share:.0%} of {len(articles)} articles, expected {source.coverage[name]:.0%}")
        if source.province and not any(sample.local for sample in articles):
            names = " or ".join(dict.fromkeys(name for name in (source.province, source.former_province) if name))
            found.append(f"none of {len(articles)} articles names {names}: does the address still belong to {source.name}?")
    if (newest := _newest(seen)) and (today - newest).days > STALE_DAYS:
        found.append(f"nothing newer than {newest.isoformat()}: is it still published? (became says where an outlet went)")
    return found


def field_shares(articles: Sequence[Sample], source: Source) -> dict[str, float]:
    """Share of the articles that have each field of `source.coverage`."""
    return {name: sum(name in sample.filled for sample in articles) / len(articles) for name in source.coverage} if articles else {}


def _newest(seen: Inspection) -> date | None:
    days = [date.fromisoformat(entrance.newest) for entrance in seen.entrances if entrance.newest]
    days += [vietnam_day(datetime.fromisoformat(sample.published)) for sample in seen.articles if sample.published]
    return max(days, default=None)


def guess_pattern(articles: Sequence[str], others: Sequence[str] = ()) -> str:
    r"""The form that the addresses of all `articles` have and few of `others` (pages that are none); empty when there is none.

    >>> guess_pattern(["https://bao.vn/lu-a12.html", "https://bao.vn/mua-lon-a13.html", "https://bao.vn/x/de-vo-a14.html"])
    '-a\\d+\\.html?$'
    """
    paths = [urlsplit(url).path for url in articles]
    rest = [urlsplit(url).path for url in others]
    for pattern in PATTERNS if len(paths) >= COVERAGE_LEAST else ():
        form = re.compile(pattern)
        if all(form.search(path) for path in paths) and sum(bool(form.search(path)) for path in rest) * 4 <= len(rest):
            return pattern
    return ""


@dataclass(frozen=True)
class Completion:
    """What changes in an entry.

    Attributes:
        values: new values of top-level keys.
        listing: a page that lists articles and is added; empty: none.
        dead: listings that are taken out.
    """

    values: dict[str, Any]
    listing: str = ""
    dead: tuple[str, ...] = ()


def completion(source: Source, seen: Inspection, today: date) -> Completion:
    """What the entry of `source` gets after an inspection without problems.

    Feeds and sitemaps that work and are not known are added where none works yet; those that were never seen to work and do
    not are left out. `article_pattern` is filled when it is empty and the addresses of the articles have one form.
    """
    if source.voice is not None:
        return Completion({"checked": today})
    values: dict[str, Any] = {}
    feeds = _useful(seen, "feed", source.checked is not None)
    sitemaps = _useful(seen, "sitemap", source.checked is not None)
    news = [url for url in sitemaps if "news" in url.lower() or any(e.url == url and e.known for e in seen.entrances)]
    sitemaps = (news or ([] if feeds else sitemaps))[:_MOST_SITEMAPS]
    if feeds != [str(url) for url in source.feeds]:
        values["feeds"] = feeds
    if sitemaps != [str(url) for url in source.sitemaps]:
        values["sitemaps"] = sitemaps
    if not source.article_pattern and (pattern := guess_pattern([sample.url for sample in seen.articles])):
        values["article_pattern"] = pattern
    working_listings = [entrance for entrance in seen.entrances if entrance.role == "listing" and entrance.works]
    listing = "" if feeds or sitemaps or working_listings else _front_page_listing(source, seen)
    values["checked"] = today
    return Completion(values, listing, tuple(_dead_listings(source, seen, bool(listing))))


def _dead_listings(source: Source, seen: Inspection, replaced: bool) -> list[str]:
    """Listings that were never seen to work and do not, where another way in does."""
    if source.checked or not (replaced or any(entrance.works for entrance in seen.entrances)):
        return []
    return [entrance.url for entrance in seen.entrances if entrance.role == "listing" and entrance.known and entrance.problem]


def _useful(seen: Inspection, role: Role, keep: bool) -> list[str]:
    """The working ones that the entry knows, else the found ones with most links first; known broken ones only with `keep`."""
    mine = [entrance for entrance in seen.entrances if entrance.role == role]
    known = [entrance.url for entrance in mine if entrance.known and (entrance.works or keep)]
    if any(entrance.known and entrance.works for entrance in mine) or (known and keep):
        return known
    found = sorted((entrance for entrance in mine if entrance.works), key=lambda entrance: (-entrance.links, entrance.url))
    return [entrance.url for entrance in found][: _MOST_FEEDS if role == "feed" else _MOST_SITEMAPS]


def _front_page_listing(source: Source, seen: Inspection) -> str:
    """The front page, when its links have the form of articles; empty when they have not."""
    pattern = source.article_pattern or guess_pattern([sample.url for sample in seen.articles])
    form = re.compile(pattern) if pattern else None
    if form is None or sum(bool(form.search(urlsplit(link).path)) for link in seen.front_links) < _FRONT_LINKS:
        return ""
    return str(source.homepage or f"https://{source.domain}/")
