"""The registry of sources: reading and writing entries, and judging one by a trial crawl. Imports no Scrapy."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tomli_w
from pydantic import ValidationError

from crawlers.entries import with_listing, without_listings, write_entry
from crawlers.inspection import COVERAGE_LEAST, Completion, Inspection, completion, problems_of
from crawlers.runs import CrawlRun
from diembao.article import Article
from diembao.config_file import with_values
from diembao.errors import ConfigError, DiembaoError, UsageError
from diembao.source import Source, choose_sources, read_source, source_files

REGISTRY_LOCK = ".sources.lock"
"""Whoever changes an entry holds this file of config/sources (diembao.config_file.changing)."""


@dataclass(frozen=True)
class Verdict:
    """What a check says of one source.

    Attributes:
        source: its id.
        state: "ok", "red", or "off" for a disabled entry that was not tried.
        reasons: one line each: why it is red or off, or what was found.
    """

    source: str
    state: str
    reasons: list[str] = field(default_factory=list)


def read_each(folder: Path) -> tuple[dict[str, Source], list[Verdict]]:
    """The sources of `folder` that can be read, and a red verdict for each file that cannot."""
    sources: dict[str, Source] = {}
    broken: list[Verdict] = []
    for path in source_files(folder):
        try:
            sources[path.stem] = read_source(path)
        except ConfigError as error:
            broken.append(Verdict(path.stem, "red", [str(error)]))
    return sources, broken


def choose(folder: Path, names: list[str]) -> tuple[list[Source], list[Verdict]]:
    """The sources called `names` (every enabled one without names), and a red verdict for each file that cannot be read.

    A file that cannot be read stops its own source only.

    Raises:
        UsageError: for a name that is not known.
        ConfigError: when a named source cannot be read, or none is left to crawl.
    """
    known, broken = read_each(folder)
    if wrong := [verdict for verdict in broken if verdict.source in names]:
        raise ConfigError(wrong[0].reasons[0])
    sources = choose_sources(known, names)
    if not sources and broken:
        raise ConfigError(broken[0].reasons[0])
    if not sources:
        raise ConfigError("no source is enabled", "Set enabled = true in a file of config/sources, or: diembao sources add URL")
    return sources, broken


def judge(source: Source, run: CrawlRun) -> Verdict:
    """Whether `source` does what its entry says, by the trial `run`.

    Red: a feed, sitemap or listing with a problem; no article; a field that fewer articles have than `coverage` asks for.
    """
    reasons = [f"{problem['problem']} ({problem['url']})" for problem in run.summary.get("problems", []) if problem["source"] == source.id]
    articles = [article for article in run.articles() if article.source == source.id]
    counts = run.summary.get("sources", {}).get(source.id, {})
    if not articles:
        dropped = ", ".join(f"{fate} {number}" for fate, number in counts.get("dropped", {}).items())
        reasons.append(f"no article could be read{f' ({dropped})' if dropped else ''}")
    reasons += [
        f"{name} is filled in {share:.0%} of {len(articles)} articles, expected {source.coverage[name]:.0%}"
        for name, share in field_shares(articles, source).items()
        if len(articles) >= COVERAGE_LEAST and share < source.coverage[name]
    ]
    if reasons:
        return Verdict(source.id, "red", reasons)
    links = sum(entrance["links"] for entrance in counts.get("entrances", []))
    return Verdict(source.id, "ok", [f"{links} links, {len(articles)} of {counts.get('fetched', 0)} pages read as articles"])


def field_shares(articles: list[Article], source: Source) -> dict[str, float]:
    """Share of the articles that have each field of `source.coverage`."""
    if not articles:
        return {}
    return {name: sum(bool(getattr(article, name, None)) for article in articles) / len(articles) for name in source.coverage}


def verdict_on(source: Source, seen: Inspection | None, today: date) -> Verdict:
    """Whether the entry of `source` is right, by what was seen of the outlet; None: it was not looked at. `today` in Vietnam."""
    if seen is None:
        return Verdict(source.id, "red", ["it was not looked at"])
    if problems := problems_of(source, seen, today):
        return Verdict(source.id, "red", problems)
    links = sum(entrance.links for entrance in seen.entrances)
    return Verdict(source.id, "ok", [f"{links} links, {len(seen.articles)} of {len(seen.samples)} pages read as articles"])


def changes(source: Source, seen: Inspection, today: date) -> list[str]:
    """What `complete` would change in the entry, one line each."""
    done = completion(source, seen, today)
    return _told(done.values, done)


def _told(values: dict[str, Any], done: Completion) -> list[str]:
    told = {"feeds": "feeds: {}", "sitemaps": "sitemaps: {}", "article_pattern": "article_pattern: {}", "enabled": "switched on"}
    lines = [told[key].format(", ".join(value) if isinstance(value, list) else value) for key, value in values.items() if key in told]
    lines += [f"listing: {done.listing}"] if done.listing else []
    return lines + [f"taken out: {url}" for url in done.dead]


def source_id(domain: str) -> str:
    """A name for the file of the outlet at `domain`.

    >>> source_id("baodongthap.vn"), source_id("tiengiang.gov.vn"), source_id("127.0.0.1:8000")
    ('baodongthap', 'tiengiang', '127-0-0-1-8000')
    """
    first = domain.partition(".")[0]
    return first if re.fullmatch(r"[a-z][a-z0-9-]*", first) else re.sub(r"[^a-z0-9]+", "-", domain.lower()).strip("-")


def outlet_at(url: str, delay: float = 1.0) -> Source:
    """A source with nothing but its address and delay (seconds). Raises UsageError when `url` is no http(s) address.

    >>> outlet_at("https://www.bao.vn/tin").domain
    'bao.vn'
    """
    try:
        parts = urlsplit(url if "//" in url else f"https://{url}")
        port = f":{parts.port}" if parts.port else ""
        domain = (parts.hostname or "").removeprefix("www.") + port
        homepage = f"{parts.scheme}://{parts.netloc}/"
        if not domain or "." not in domain:
            raise ValueError("no host name")
        entry = {"id": domain, "name": domain, "domain": domain, "homepage": homepage, "enabled": False, "delay": delay}
        return Source.model_validate(entry)
    except (ValueError, ValidationError) as error:
        raise UsageError(f"{url!r} is not the address of an outlet", "Give one such as https://baodongthap.vn") from error


def complete(path: Path, source: Source, seen: Inspection, today: date, *, enable: bool) -> list[str]:
    """Write into the entry at `path` what an inspection without problems found, and return what changed, one line each.

    Args:
        path: its file.
        source: the entry as it is.
        seen: what was seen.
        today: in Vietnam; becomes `checked`.
        enable: also switch it on.

    Raises:
        ConfigError: when the file cannot be changed; it stays as it was.
    """
    done = completion(source, seen, today)
    values = dict(done.values) | ({"enabled": True} if enable and not source.enabled else {})
    text = without_listings(path.read_text(encoding="utf-8"), done.dead)
    text = with_values(text, values)
    write_entry(path, with_listing(text, done.listing) if done.listing else text)
    return _told(values, done)


def new_entry(folder: Path, outlet: Source, seen: Inspection, name: str, today: date, *, enable: bool = True) -> Path:
    """Write the entry of an outlet that has none, and return its file.

    Args:
        folder: config/sources.
        outlet: its address, delay and province (`outlet_at`).
        seen: what was seen of it, without problems.
        name: the file's name, without .toml.
        today: in Vietnam.
        enable: whether crawls take it from now on.

    Raises:
        DiembaoError: when there is such a file, or `name` is none for a file.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,59}", name):
        raise UsageError(f"{name!r} is no name for an entry", "Use small letters without accents, digits and hyphens")
    path = folder / f"{name}.toml"
    if path.exists():
        raise DiembaoError(f"{path} is there already", "Choose another name with --name")
    done = completion(outlet, seen, today)
    family = f"; layout family {seen.family()}" if seen.family() else ""
    entry: dict[str, Any] = {"name": seen.name or outlet.domain, "domain": outlet.domain, "homepage": str(outlet.homepage)}
    if outlet.province:
        entry["province"] = outlet.province
    if not enable:
        entry["enabled"] = False
    if outlet.delay != Source.model_fields["delay"].default:
        entry["delay"] = outlet.delay
    entry["evidence"] = f"seen live by diembao sources add on {today.isoformat()}{family}"
    text = tomli_w.dumps(entry | done.values)
    write_entry(path, with_listing(text, done.listing) if done.listing else text)
    return path
