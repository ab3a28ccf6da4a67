"""`diembao extract`: one saved page → one Article."""

from __future__ import annotations

from pathlib import Path

import click

from cli.output import clean, emit, json_option, say
from diembao.settings import Settings


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--url", required=True, help="The address that the page was saved from.")
@click.option(
    "--source", "source_name", help="The outlet (a file in config/sources/), for its selectors; default: the one with the address's domain."
)
@click.option("--content-type", help="The HTTP header, when it is known: text/html; charset=…")
@json_option
@click.pass_obj
def extract(settings: Settings, file: Path, url: str, source_name: str | None, content_type: str | None, as_json: bool) -> None:
    """One saved page (HTML, also .gz) as an Article on stdout, also where a crawl would drop it."""
    from crawlers.extraction import extract as extract_page
    from crawlers.extraction.saved import read_saved_page
    from diembao.clock import utc_now
    from diembao.errors import UsageError
    from diembao.source import Source, choose_sources, read_sources
    from diembao.urls import normalise_url

    try:
        host = normalise_url(url).split("/")[2]
    except ValueError as error:
        raise UsageError(f"--url {url!r} is not an absolute http(s) address", "Give the page's full address, https://…") from error
    page = read_saved_page(file)
    known = read_sources(settings.config / "sources")
    if source_name:
        source: Source | None = choose_sources(known, [source_name])[0]
    else:
        ours = [entry for entry in known.values() if host == entry.domain or host.endswith("." + entry.domain)]
        source = max(ours, key=lambda entry: len(entry.domain), default=None)
    extracted = extract_page(page, url, source, content_type, now=utc_now())
    article = extracted.article
    if extracted.problem:
        say(f"A crawl would drop this page: {extracted.problem} ({extracted.detail})")
    elif extracted.detail:
        say(f"Found by: {article.extractor} ({extracted.detail})")
    if extracted.page_kind not in ("article", None):
        say(f"Kind of page: {extracted.page_kind}")
    if extracted.further_pages:
        say(f"Goes on at {extracted.further_pages[0]}")
    if as_json:
        emit(article.to_record())
        return
    rows = {
        "title": article.title,
        "lead": article.lead,
        "authors": ", ".join(article.authors),
        "section": article.section,
        "published_at": f"{article.published_at.isoformat()} ({article.published_precision})" if article.published_at else "",
        "credited_source": article.credited_source.name if article.credited_source else "",
        "canonical_url": article.canonical_url,
        "images": str(len(article.images)),
    }
    for name, value in rows.items():
        click.echo(f"{name}: {clean(value)}")
    for paragraph in article.body.split("\n"):
        click.echo(f"\n{clean(paragraph)}")
