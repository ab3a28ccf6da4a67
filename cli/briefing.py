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


@click.command()
@click.argument("kind", type=click.Choice(["weekly", "monthly"]))
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="A day of the week or month; default: the last complete one.")
@click.option("--output", type=click.Path(path_type=Path), help="File to write: .html, .docx or .txt; - is HTML on stdout.")
@click.option("--send", "is_sent", is_flag=True, help="Mail it to everybody who wants reports, once per period and recipient.")
@click.option("--language", type=click.Choice(["vi", "en"]), help="Of the written file; default: the office's.")
@json_option
@click.pass_obj
def report(
    settings: Settings, kind: str, day: date | None, output: Path | None, is_sent: bool, language: str | None, as_json: bool
) -> None:
    """The weekly or monthly report: coverage and tone against the periods before, stories, outlets, alerts, responses, gaps."""
    from alerts.outbox import send_due
    from alerts.report import documents
    from alerts.report.figures import read_report
    from alerts.report.period import last_complete, period_of
    from alerts.report.sending import queue_report
    from diembao.clock import utc_now

    office, taxonomy, now = settings.office, settings.taxonomy, utc_now()
    period = period_of(kind, date(day.year, day.month, day.day)) if day else last_complete(kind, now)  # type: ignore[arg-type]
    if period.start >= now:
        raise UsageError(f"{period.key} has not begun", "Name an earlier day with --date")
    path = output or (None if is_sent else Path(f"bao-cao-{period.key}.html"))
    if path and str(path) != "-" and path.suffix not in (".html", ".docx", ".txt"):
        raise UsageError(f"{path} is neither .html nor .docx nor .txt", "Name such a file with --output")
    if is_sent and not period.end <= now:
        raise UsageError(f"{period.key} is not over", "Leave --send out, or name an earlier day with --date")
    sent: dict[str, int] = {}
    with opened(settings) as (engine, state):
        found = read_report(engine, state, office, taxonomy, period, now, source_names(settings.sources_folder))
        template = documents.template_in(settings.alerts_folder)
        if is_sent:
            queued = queue_report(state, found, office, taxonomy, now, template)
            delivery = send_due(state, office.mail, now)
            sent = {"queued": queued, "sent": delivery.sent, "waiting": delivery.waiting}
    printed = documents.printed(found, office, taxonomy, language or office.language)  # type: ignore[arg-type]
    if path:
        if path.suffix == ".docx":
            content = documents.as_docx(printed, template)
        else:
            content = (documents.as_text(printed) if path.suffix == ".txt" else documents.as_html(printed)).encode()
        write_out(path, content)
        if str(path) == "-":
            return
    if as_json:
        rows = [{"field": row.code, "total": row.total, "negative": row.negative, "before": row.before, "verdict": row.verdict}
                for row in (*found.fields, found.everything)]  # fmt: skip
        emit({"period": period.key, "file": str(path.resolve()) if path else None, "stories": found.stories, "fields": rows,
              "critical": found.critical_count, "answered": found.answered, "open": found.open_count, "hours": found.hours,
              "missing_hours": found.missing_hours, **sent})  # fmt: skip
    else:
        if path:
            click.echo(str(path))
        say(printed.summary)
        if is_sent:
            say(f"thư / mails: {sent['queued']} mới / new, {sent['sent']} đã gửi / sent, {sent['waiting']} chờ / waiting")


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
