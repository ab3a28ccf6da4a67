"""Taking in citizens' feedback on the desk and over HTTP: checked at once, tagged and indexed by the next round of `monitor`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from crawlers.runs import PageFate, RunWriter, new_run_id
from diembao import audit
from index import feedback
from index.corrections import renew
from index.feedback import Sorted
from index.feedback_columns import columns_for
from index.feedback_file import Table
from web.desk import Desk


@dataclass(frozen=True)
class Intake:
    """What became of records.

    Attributes:
        sorted: by what becomes of them.
        run: the run that the next round of `monitor` indexes; empty: no text is new.
        columns: field → column, as they were read.
    """

    sorted: Sorted
    run: str
    columns: Mapping[str, str]


def take(desk: Desk, table: Table, source: str, chosen: Mapping[str, str], who: str) -> Intake:
    """Take the records of `table`. The same again changes nothing.

    Args:
        desk: where they go.
        table: what was sent.
        source: id of the source.
        chosen: field → column as the sender says; others by what staff said before and by their headings.
        who: for the audit log.

    Raises:
        UsageError: when the columns cannot be used.
        StateError: when the database fails; the texts are in a run then, and sending them again is safe.
        OSError: when the run cannot be written; then nothing is kept.
    """
    now = desk.clock()
    days = desk.settings.office.retention.feedback
    with desk.state.session() as session:
        columns = columns_for(table.headings, chosen, feedback.remembered(session, source))
        oldest = now - timedelta(days=days) if days else None
        records, rejected = feedback.read_records(table, columns, source, desk.settings.taxonomy, now, oldest)
        found = feedback.sort_out(session, records, rejected)
    run = ""
    if texts := found.texts:
        # First the texts, then what is known of them: a kill between the two makes the next call write them again, and loses nothing.
        writer = RunWriter(desk.settings.runs_folder / new_run_id(now))
        for article in texts:
            writer.write_article(article)
            writer.write_fate(PageFate(article.id, article.url, article.source, None))
        writer.finish({"started_at": now.isoformat(), "problems": []})
        run = writer.folder.name
    with desk.state.session() as session:
        changed = feedback.keep_records(session, found.taken, now)
        if found.taken:
            after = {"run": run, "records": len(found.taken)}
            audit.record(session, now, who, "feedback.take", source, after=after)
    with desk.state.session() as session:
        renew(session, desk.engine, changed)
    return Intake(found, run, columns)
