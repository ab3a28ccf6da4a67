"""`python -m crawlers.replay RUN_ID`: the Articles of a run read anew from the archive, as JSON lines on stdout.

Needs no network and not the run's folder. With the same code the Articles are those of the crawl; with better extraction
rules they are what the crawl would find today, under the same ids.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import click

from crawlers.archive import read_run_pages
from crawlers.pages import FetchedPage, ReadPage, read_page
from crawlers.voices.voice import read_kept
from diembao.article import ArchiveRecord
from diembao.errors import DiembaoError, InputError
from diembao.jsonl import write_line
from diembao.settings import read_settings
from diembao.source import Source, read_sources


def replay(archive: Path, run_id: str, sources: Mapping[str, Source]) -> Iterator[ReadPage]:
    """Every archived page of the run, read anew, in the order of fetching; the later pages of an article are read with its first one.

    Args:
        archive: the archive's folder.
        run_id: the run.
        sources: the registry; a page of a source that is gone is read without a profile.

    Raises:
        ArchiveError: when a record is damaged.
    """
    for record, page, further in _with_their_further_pages(read_run_pages(archive, run_id)):
        if page.status != HTTPStatus.OK:
            continue  # kept as evidence that an article was taken down
        source = sources.get(page.source)
        if page.ask:
            # The answer to another voice holds many posts; without the entry nobody knows how to read it.
            for item in read_kept(source, page) if source is not None and source.voice is not None else []:
                article = item.article.with_fields(archive=record) if item.article else None
                yield replace(item, archive=record, article=article)
            continue
        item = read_page(page, source, further)
        article = item.article.with_fields(archive=record) if item.article else None
        yield replace(item, archive=record, article=article)


def _with_their_further_pages(
    pages: Iterator[tuple[ArchiveRecord, FetchedPage]],
) -> Iterator[tuple[ArchiveRecord, FetchedPage, list[FetchedPage]]]:
    last: tuple[ArchiveRecord, FetchedPage, list[FetchedPage]] | None = None
    for record, page in pages:
        if last is not None and page.part_of and page.part_of == last[1].url:
            last[2].append(page)
            continue
        if last is not None:
            yield last
        last = (record, page, [])
    if last is not None:
        yield last


@click.command()
@click.argument("run_id")
def main(run_id: str) -> None:
    """Read the pages of RUN_ID again and print their Articles."""
    settings = read_settings()
    pages = kept = 0
    for item in replay(settings.archive_folder, run_id, read_sources(settings.sources_folder)):
        pages += 1
        if item.problem is None and item.article is not None:
            kept += 1
            write_line(sys.stdout, item.article.to_record())
    if not pages:
        raise InputError(f"the archive has no page of the run {run_id}", f"Look in {settings.archive_folder}")
    click.echo(f"{kept} articles of {pages} pages", err=True)


if __name__ == "__main__":
    try:
        main(standalone_mode=False)
    except DiembaoError as error:
        click.echo(f"replay: {' '.join(str(error).split())}", err=True)
        sys.exit(error.exit_code)
