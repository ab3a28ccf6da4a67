"""`diembao digest` and `diembao report`: the morning briefing, the weekly and the monthly report."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import click

from cli.alerting import opened
from cli.output import emit, json_option, say
from diembao.errors import UsageError
from diembao.settings import Settings
from diembao.source import source_names


@click.group()
def digest() -> None:
    """The morning briefing (điểm báo): since the last one, or of the last 24 hours."""


@digest.command()
@json_option
@click.pass_obj
def draft(settings: Settings, as_json: bool) -> None:
    """Compile today's briefing, or bring it up to date, so that staff can edit it on its page. Edits stay."""
    from alerts.briefing.kept import bring_up_to_date
    from diembao.clock import utc_now

    with opened(settings) as (engine, state):
        names = source_names(settings.sources_folder)
        made = bring_up_to_date(state, engine, settings.office, settings.taxonomy, utc_now(), names)
    page = f"{settings.office.base_url.rstrip('/')}/briefing/{made.day.isoformat()}"
    if as_json:
        emit({"day": made.day.isoformat(), "page": page, "chosen": len(made.chosen), "kept": len(made.items),
              "late": len(made.left_behind), "edited": made.edited_at is not None, "sent": made.sent_at is not None})  # fmt: skip
    else:
        click.echo(page)
        say(f"{len(made.chosen)} sự việc được chọn trong {len(made.items)} / stories chosen of {len(made.items)}")


@digest.command()
@click.option("--format", "form", default="html", show_default=True, type=click.Choice(["html", "docx", "xlsx"]))
@click.option("--out", type=click.Path(path_type=Path), help="File to write; default: diem-bao-DATE in this folder; - is stdout.")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="The briefing that was kept for this day; default: today's.")
@click.option("--language", type=click.Choice(["vi", "en"]), help="Of the labels; default: the office's.")
@json_option
@click.pass_obj
def preview(settings: Settings, form: str, out: Path | None, day: date | None, language: str | None, as_json: bool) -> None:
    """Write the briefing to a file, as it would be sent now. Nothing is kept or sent."""
    from alerts.briefing import documents, kept
    from diembao.clock import utc_now, vietnam_day

    now = utc_now()
    wanted = date(day.year, day.month, day.day) if day else vietnam_day(now)
    with opened(settings) as (engine, state):
        found = kept.read(state, wanted, settings.office, settings.taxonomy)
        if day and found is None:
            raise UsageError(f"no briefing of {wanted} was kept", "Leave --date out for today's")
        if found is None or (found.edited_at is None and found.sent_at is None):
            names = source_names(settings.sources_folder)
            found = kept.compose(state, engine, settings.office, settings.taxonomy, now, names) if not day else found
    briefing = documents.printed(found, settings.office, settings.taxonomy, language or settings.office.language)  # type: ignore[arg-type]
    content = documents.render(briefing, form, documents.template_in(settings.alerts_folder))  # type: ignore[arg-type]
    path = out or Path(f"diem-bao-{wanted.isoformat()}.{form}")
    write_out(path, content)
    if str(path) == "-":
        return
    if as_json:
        emit({"file": str(path.resolve()), "format": form, "stories": briefing.stories, "articles": briefing.articles,
              "negative": briefing.negative, "critical": briefing.critical, "gaps": list(briefing.gaps)})  # fmt: skip
    else:
        click.echo(str(path))
        say(briefing.summary)


@digest.command()
@json_option
@click.pass_obj
def send(settings: Settings, as_json: bool) -> None:
    """Send today's briefing, as staff left it, to everybody who wants it; the second time on a day sends nothing."""
    from alerts.briefing.documents import template_in
    from alerts.briefing.kept import bring_up_to_date
    from alerts.briefing.sending import people, queue_briefing
    from alerts.outbox import send_due
    from diembao.clock import utc_now

    office, taxonomy = settings.office, settings.taxonomy
    if not any(person.briefing for person in people(office)):
        raise UsageError("nobody gets the briefing", "Name recipients in [mail], or [[people]] of office.toml")
    with opened(settings) as (engine, state):
        now = utc_now()
        made = bring_up_to_date(state, engine, office, taxonomy, now, source_names(settings.sources_folder))
        queued = queue_briefing(state, office, taxonomy, made.day, now, template_in(settings.alerts_folder))
        report = send_due(state, office.mail, now)
    if as_json:
        emit({"queued": queued, "sent": report.sent, "waiting": report.waiting, "failed": report.failed, "unknown": report.unknown})
    else:
        say(f"điểm báo / briefing: {queued} mới / new, {report.sent} đã gửi / sent, {report.waiting} chờ / waiting")
    report.raise_problems()


def write_out(path: Path, content: bytes) -> None:
    """Write `content` to `path`, or to stdout for "-".

    Raises:
        UsageError: when the file cannot be written.
    """
    if str(path) == "-":
        sys.stdout.buffer.write(content)
        return
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "Name another file") from error
