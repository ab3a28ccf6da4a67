"""The registry of sources: writing an entry, and judging one by a trial crawl. Imports no Scrapy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import tomli_w

from crawlers.runs import CrawlRun
from diembao.article import Article
from diembao.errors import ConfigError, DiembaoError
from diembao.source import Source, choose_sources, read_source, source_files

COVERAGE_LEAST = 3
"""Articles that a trial must have before the share of those with a field says anything."""


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


def source_id(domain: str) -> str:
    """A name for the file of the outlet at `domain`.

    >>> source_id("baodongthap.vn"), source_id("tiengiang.gov.vn"), source_id("127.0.0.1:8000")
    ('baodongthap', 'tiengiang', '127-0-0-1-8000')
    """
    first = domain.partition(".")[0]
    return first if re.fullmatch(r"[a-z][a-z0-9-]*", first) else re.sub(r"[^a-z0-9]+", "-", domain.lower()).strip("-")


def write_source(folder: Path, found: Mapping[str, Any], outlet: Source, name: str, today: date) -> Path:
    """Write the entry of a new outlet, or complete one that knows no feed, sitemap or listing yet, and return its file.

    What stands in an entry stays; a completed one keeps its `enabled`.

    Args:
        folder: config/sources.
        found: what the discovery found.
        outlet: its address.
        name: the file's name, without .toml.
        today: written down as the day of the discovery.

    Raises:
        DiembaoError: when the outlet is there already, or nothing was found that could be crawled.
    """
    path = folder / f"{name}.toml"
    known, _ = read_each(folder)
    same = next((source for source in known.values() if source.domain == outlet.domain), None)
    bare = same is not None and not (same.feeds or same.sitemaps or same.listings)
    if (same is not None and not bare) or (same is None and path.exists()):
        raise DiembaoError(f"{outlet.domain} is there already: {folder / (same.id if same else name)}.toml", "Edit that file")
    ways = _ways(found)
    if not ways:
        why = "; ".join(found["problems"]) or "no feed and no sitemap"
        raise DiembaoError(f"nothing to crawl was found at {outlet.domain}: {why}", "Write a [[listings]] entry by hand: docs/sources.md")
    evidence = f"found by diembao sources add on {today.isoformat()}"
    if same is not None:
        path = folder / f"{same.id}.toml"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        first_table = next((number for number, line in enumerate(lines) if line.lstrip().startswith("[")), len(lines))
        text = "".join([*lines[:first_table], f"# {evidence}:\n{tomli_w.dumps(ways)}", *lines[first_table:]])
    else:
        entry = {"name": found["name"] or outlet.domain, "domain": outlet.domain, "homepage": str(outlet.homepage), "evidence": evidence}
        text = tomli_w.dumps(entry | ({"delay": outlet.delay} if outlet.delay != Source.model_fields["delay"].default else {}) | ways)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
    read_source(path)
    return path


def _ways(found: Mapping[str, Any]) -> dict[str, list[str]]:
    """The feeds with most links first; news sitemaps beside them, other sitemaps only where there is nothing better."""
    feeds = sorted(found["feeds"], key=lambda url: (-found["feeds"][url], url))
    news = [url for url in found["sitemaps"] if "news" in url.lower()]
    sitemaps = sorted(news or ([] if feeds else found["sitemaps"]))
    return {name: urls for name, urls in (("feeds", feeds), ("sitemaps", sitemaps)) if urls}
