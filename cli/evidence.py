"""`diembao revisions` and `diembao evidence`: how an article changed, and a package that shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.output import clean, emit, json_option, say
from diembao.clock import VIETNAM, utc_now
from diembao.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from crawlers.revisions import History, Piece


@click.command()
@click.argument("article")
@json_option
@click.pass_obj
def revisions(settings: Settings, article: str, as_json: bool) -> None:
    """Every text that ARTICLE (its id or address) had, what changed word by word, and when it was taken down."""
    found = _history(settings, article)
    if as_json:
        emit(_record(found))
        return
    click.echo(clean(f"{found.url or found.id}"))
    first = found.texts[0]
    click.echo(clean(f"{_local(first.fetched_at)}  bản / revision {first.revision}: {first.title}"))
    for _, after, parts in found.changes():
        click.echo(clean(f"{_local(after.fetched_at)}  bản / revision {after.revision}: {after.title}"))
        for name, pieces in parts.items():
            click.echo(f"    {name}: {clean(_shown(pieces))}")
    for away in found.away:
        again = f", thấy lại / back {_local(away.restored_at)}" if away.restored_at else ""
        click.echo(clean(f"{_local(away.found_at)}  gỡ / removed: {away.fate} {away.detail} ({away.checks} ×{again})"))


@click.command()
@click.argument("article")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="The ZIP file; default: chung-cu-ID.zip here.")
@click.option("--screenshot", is_flag=True, help="Add a picture of each page, drawn from the stored HTML (needs the browser extra).")
@json_option
@click.pass_obj
def evidence(settings: Settings, article: str, output: Path | None, screenshot: bool, as_json: bool) -> None:
    """Pack what is kept of ARTICLE (its id or address) into a ZIP: WARC records, pages, texts, changes, take-downs, SHA-256 of all."""
    from crawlers.evidence import pack

    found = _history(settings, article)
    photograph = None
    if screenshot:
        from crawlers.browsing import photograph_of

        photograph = photograph_of(settings.office.crawl.user_agent)
    path = output or Path(f"chung-cu-{found.id}.zip")
    package = pack(path, found, settings.archive_folder, settings.office.name, utc_now(), photograph)
    for line in package.missing:
        say(f"missing: {line}")
    if as_json:
        emit({"path": str(package.path), "files": package.files, "missing": package.missing})
    else:
        click.echo(f"{package.path}: {len(found.texts)} revisions, {len(found.away)} take-downs, {len(package.files)} files")


def _history(settings: Settings, article: str) -> History:
    from crawlers.revisions import history
    from diembao.state import State

    state = State(settings.database)
    try:
        return history(state, article)
    finally:
        state.close()


def _record(found: History) -> dict[str, Any]:
    return {
        "id": found.id,
        "url": found.url,
        "source": found.source,
        "removed_at": _iso(found.removed_at),
        "revisions": [
            {
                "revision": text.revision,
                "fetched_at": _iso(text.fetched_at),
                "content_hash": text.content_hash,
                "title": text.title,
                "lead": text.lead,
                "body": text.body,
                "archive": text.archive.model_dump() if text.archive else None,
            }
            for text in found.texts
        ],
        "changes": [
            {
                "before": before.revision,
                "after": after.revision,
                **{name: [[piece.change, piece.text] for piece in pieces] for name, pieces in parts.items()},
            }
            for before, after, parts in found.changes()
        ],
        "removals": [
            {
                "found_at": _iso(away.found_at),
                "last_seen_at": _iso(away.last_seen_at),
                "checked_at": _iso(away.checked_at),
                "checks": away.checks,
                "restored_at": _iso(away.restored_at),
                "fate": away.fate,
                "detail": away.detail,
                "archive": away.archive.model_dump() if away.archive else None,
            }
            for away in found.away
        ],
    }


def _shown(pieces: list[Piece]) -> str:
    """Changed words with a few words around them."""
    shown = []
    for piece in pieces:
        if piece.change == "same":
            words = piece.text.split(" ")
            shown.append(piece.text if len(words) <= 16 else " ".join([*words[:7], "…", *words[-7:]]))
        else:
            shown.append(f"[-{piece.text}-]" if piece.change == "removed" else f"{{+{piece.text}+}}")
    return "".join(shown)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _local(moment: datetime | None) -> str:
    return f"{moment.astimezone(VIETNAM):%d/%m/%Y %H:%M}" if moment else "—"
