"""Commands around the search engine: index, search, reindex, export, import."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import click

from cli.output import clean, emit, json_option, say, with_progress
from diembao.article import Kind
from diembao.clock import VIETNAM, start_of_day, utc_now
from diembao.engine import IRRELEVANT
from diembao.errors import DiembaoError, InputError, UsageError
from diembao.settings import Settings
from diembao.taxonomy import TOPIC_CODES

if TYPE_CHECKING:
    from diembao.article import Article
    from diembao.engine import Filters, Hit, SearchEngine, SearchResult


_LARGEST_IMPORT = 200_000_000
"""Bytes of a file of feedback records."""
_FIRST_YEAR = 1997
"""Viet Nam joined the internet in November of it."""


@click.command()
@json_option
@click.pass_obj
def index(settings: Settings, as_json: bool) -> None:
    """Bring Articles into the search engine.

    Reads JSON lines from stdin and indexes them as they are: a given id is kept, nothing is tagged; corrections by staff stay in
    force. Prints how many were indexed, unchanged, revised and rejected. A rejected line is named on stderr and does not keep the
    others back.
    """
    from diembao.state import State
    from index import open_engine
    from index.ingest import CHUNK, IngestReport, ingest

    engine, state = open_engine(settings), State(settings.database)
    report = IngestReport()
    unreadable = 0
    now = utc_now()
    try:
        lines: dict[str, int] = {}
        batch: list[Article] = []

        def flush() -> None:
            done = ingest(engine, state, batch)
            for article_id, reason in done.reasons.items():
                say(f"line {lines[article_id]}: rejected: {clean(reason)}")
            report.add(done)
            batch.clear()
            lines.clear()

        for number, line in with_progress(enumerate(sys.stdin, start=1), "Indexing"):
            if not line.strip():
                continue
            try:
                article = _read_line(line, number)
            except InputError as error:
                unreadable += 1
                say(f"rejected: {clean(error.message)}")
                continue
            if why := _odd_date(article, now):
                say(f"line {number}: {why}; kept as it is")
            lines[article.id] = number
            batch.append(article)
            if len(batch) == CHUNK:
                flush()
        if batch:
            flush()
    finally:
        engine.close()
        state.close()
    counts = report.counts()
    counts["rejected"] += unreadable
    emit(counts)
    if counts["rejected"]:
        raise DiembaoError(
            f"{counts['rejected']} of {sum(counts.values())} lines were rejected", "Mend them and index again; the others stay as they are"
        )


def _odd_date(article: Article, now: datetime) -> str | None:
    """What is odd about the date of `article`: before the press of this country was online, or more than a day ahead."""
    published = article.published_at
    if published is None:
        return None
    if published.year < _FIRST_YEAR or published > now + timedelta(days=1):
        return f"published_at {published.date()} can hardly be true"
    return None


def _read_line(line: str, number: int) -> Article:
    """The Article of one line as it may be stored. Raises InputError, which names the line."""
    import json

    from diembao.article import Article
    from diembao.privacy import masked
    from index.document import refusal

    try:
        record = json.loads(line.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"line {number} is not JSON: {error}") from error
    if not isinstance(record, dict):
        raise InputError(f"line {number} is not a JSON object")
    article = masked(Article.from_record(record, f"line {number}"))
    if reason := refusal(article):
        raise InputError(f"line {number}: {reason}")
    return article


def _day(_context: click.Context, _parameter: click.Parameter, value: str | None) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a date; write it like 2026-11-20") from error


def _topics(context: click.Context, _parameter: click.Parameter, codes: tuple[str, ...]) -> tuple[str, ...]:
    if not codes:
        return codes
    settings = context.find_object(Settings)
    known = [*(settings.taxonomy.topics if settings else TOPIC_CODES), IRRELEVANT]
    if unknown := [code for code in codes if code not in known]:
        raise click.BadParameter(f"{unknown[0]!r} is no topic; the topics are {', '.join(known)}")
    return codes


def narrowing(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that narrow a search, the same for every command that has a query."""
    options = [
        click.option("--from", "since", callback=_day, metavar="DATE", help="First day of publication, Vietnam time."),
        click.option("--to", "until", callback=_day, metavar="DATE", help="Last day of publication, Vietnam time."),
        click.option("--topic", "topics", multiple=True, metavar="CODE", callback=_topics, help="Topic; several mean any of them."),
        click.option("--sentiment", "sentiments", multiple=True, type=click.Choice(["negative", "neutral", "positive"]), help="Sentiment."),
        click.option(
            "--critical-of",
            "critical_of",
            multiple=True,
            type=click.Choice(["authority", "organisation", "none"]),
            help="Who is criticised.",
        ),
        click.option("--place", "places", multiple=True, metavar="NAME", help="Today's province by name, or the code of a unit."),
        click.option("--source", "sources", multiple=True, metavar="ID", help="Source."),
        click.option("--kind", "kinds", multiple=True, type=click.Choice(get_args(Kind)), help="Kind of source."),
        click.option("--story", metavar="ID", help="Articles of one story."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def filters_of(since: date | None, until: date | None, story: str | None, **values: tuple[str, ...]) -> Filters:
    """The filters that the options of `narrowing` mean. Raises UsageError when the days are in the wrong order or out of reach."""
    from diembao.engine import Filters

    if since is not None and until is not None and since > until:
        raise UsageError(f"--from {since} lies behind --to {until}", "Exchange the two dates")
    try:
        return Filters(
            published_from=start_of_day(since) if since else None,
            published_to=start_of_day(until + timedelta(days=1)) if until else None,
            story_id=story,
            **values,  # type: ignore[arg-type]
        )
    except OverflowError as error:
        raise UsageError("the date is out of reach", "Name a day between 1000-01-01 and 9998-12-31") from error


QUERY_SETTINGS: dict[str, Any] = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
"""A query may begin with a minus: `diembao search -lũ`."""


@click.command(context_settings=QUERY_SETTINGS)
@click.argument("query", nargs=-1)
@narrowing
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Hits wanted.")
@click.option("--sort", type=click.Choice(["relevance", "time"]), default="relevance", show_default=True)
@click.option("--copies", is_flag=True, help="List copies too, instead of folding them into their origin.")
@click.option("--group-by", type=click.Choice(["story"]), help="One hit for each story, with its articles and outlets.")
@click.option("--after", metavar="CURSOR", help="Go on behind the page that ended with this cursor.")
@json_option
@click.pass_obj
def search(
    settings: Settings,
    /,
    query: tuple[str, ...],
    limit: int,
    sort: Literal["relevance", "time"],
    copies: bool,
    group_by: Literal["story"] | None,
    after: str | None,
    as_json: bool,
    **narrowed: Any,
) -> None:
    """Find articles. docs/query-language.md describes QUERY; without one everything is found.

    Where fewer than ten have all the words, those with some of them follow, apart and in no count (`some_words` in the JSON).
    """
    from diembao.engine import SearchRequest
    from index import open_engine
    from index.some_words import some_of_the_words

    request = SearchRequest(
        " ".join(query),
        filters_of(**narrowed),
        fold_copies=not copies,
        sort=sort,
        limit=min(limit, 1000),
        after=after,
        group_by=group_by,
        now=utc_now(),
    )
    engine = open_engine(settings)
    try:
        result = engine.search(request)
        hits = list(result.hits)
        cursor = result.cursor
        while cursor is not None and len(hits) < limit:
            more = engine.search(replace(request, limit=min(limit - len(hits), 1000), after=cursor, facets=False))
            hits += more.hits
            cursor = more.cursor
        apart = some_of_the_words(engine, request, result)
    finally:
        engine.close()
    if as_json:
        emit(
            {
                "total": result.total,
                "took_ms": round(result.took_ms, 3),
                "facets": {name: [{"value": part.value, "count": part.count} for part in parts] for name, parts in result.facets.items()},
                "hits": [_hit_record(hit) for hit in hits],
                "cursor": cursor,
                "suggestions": list(result.suggestions),
                "some_words": None
                if apart is None
                else {"query": apart.query, "total": apart.result.total, "hits": [_hit_record(hit) for hit in apart.result.hits]},
            }
        )
    else:
        _show(settings, result, hits)
        if apart is not None:
            click.echo(f"\n— Chỉ có một vài từ / only some of the words: {clean(apart.query)} ({apart.result.total}) —\n")
            _show_hits(settings, apart.result.hits)


def _hit_record(hit: Hit) -> dict[str, Any]:
    record = hit.article.to_record()
    names = ("id", "title", "lead", "url", "source", "kind", "published_at", "published_precision", "topics", "sentiment", "critical_of",
             "places", "story_id", "copy_of", "revision", "corrected")  # fmt: skip
    return {
        **{name: record[name] for name in names},
        "copies": hit.copies,
        "articles": hit.articles,
        "outlets": hit.outlets,
        "score": hit.score,
        "highlights": {field: _marked(text, "**", "**") for field, text in hit.highlights.items()},
    }


def _marked(text: str, start: str, end: str) -> str:
    from diembao.engine import MARK_END, MARK_START

    return text.replace(MARK_START, start).replace(MARK_END, end)


def _show(settings: Settings, result: SearchResult, hits: list[Hit]) -> None:
    say(f"{result.total} bài, {result.took_ms:.0f} ms")
    _show_hits(settings, hits)
    for suggestion in result.suggestions:
        say(f"Thử tìm: {clean(suggestion)}")


def _show_hits(settings: Settings, hits: Sequence[Hit]) -> None:
    for hit in hits:
        article = hit.article
        when = article.published_at.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M") if article.published_at else "không rõ ngày"
        tags = [settings.taxonomy.topic_name(topic.code) for topic in article.topics]
        if article.sentiment:
            tags.append({"negative": "tiêu cực", "neutral": "trung tính", "positive": "tích cực"}[article.sentiment.label])
        tags += list(dict.fromkeys(place.province for place in article.places))
        copies = f", {hit.copies} bài đăng lại" if hit.copies else ""
        if hit.articles > 1:
            copies = f", {hit.articles} bài của {hit.outlets} nguồn"
        click.echo()
        click.secho(_for_terminal(hit.highlights.get("title") or article.title), bold=True)
        click.echo("  " + clean(" · ".join(part for part in (article.source, f"{when}{copies}", ", ".join(tags)) if part)))
        if excerpt := hit.highlights.get("lead") or hit.highlights.get("body") or article.lead:
            click.echo(f"  {_for_terminal(excerpt)}")
        if article.url:
            click.echo(f"  {clean(article.url)}")


def _for_terminal(text: str) -> str:
    """One line with the matches underlined; what the web wrote in it cannot control the terminal."""
    from diembao.engine import MARK_END, MARK_START

    pieces = []
    for position, piece in enumerate(text.split(MARK_START)):
        marked, _, rest = piece.partition(MARK_END) if position else ("", "", piece)
        pieces.append((click.style(_flat(marked), underline=True) if marked else "") + _flat(rest))
    return "".join(pieces).strip()


def _flat(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


@click.command(context_settings=QUERY_SETTINGS)
@click.argument("query", nargs=-1)
@narrowing
@click.option("--format", "form", type=click.Choice(["csv", "xlsx", "jsonl"]), help="Default: by the ending of --output, else jsonl.")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="File to write; without it stdout.")
@json_option
@click.pass_obj
def export(settings: Settings, /, query: tuple[str, ...], form: str | None, output: Path | None, as_json: bool, **narrowed: Any) -> None:
    """Write every matching article as CSV, XLSX or JSON lines.

    The file appears when it is complete. Cells that a spreadsheet would take for formulas get an apostrophe.
    """
    from index import open_engine
    from index.export import WRITERS

    if output is None and as_json:
        raise UsageError("--json prints a summary and needs --output", "Name a file, or leave out --json")
    form = form or (output.suffix.lstrip(".").lower() if output else "jsonl")
    if form not in WRITERS:
        raise UsageError(f"unknown format {form!r}", "Use --format csv, xlsx or jsonl")
    engine = open_engine(settings)
    try:
        articles = with_progress(engine.scan(" ".join(query), filters_of(**narrowed)), "Exporting")
        if output is None:
            WRITERS[form](articles, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return
        count = _write_file(output, lambda stream: WRITERS[form](articles, stream))
    finally:
        engine.close()
    if as_json:
        emit({"articles": count, "file": str(output), "format": form})
    else:
        say(f"{count} articles written to {output}")


def _write_file(output: Path, write: Callable[[Any], int]) -> int:
    """Write a file that appears when it is complete; into a device or a pipe, which a file must not replace, at once."""
    if output.exists() and not output.is_file():
        partial = None
    else:
        output = output.resolve()
        partial = output.with_name(output.name + ".part")
    try:
        with (partial or output).open("wb") as stream:
            count = write(stream)
        if partial:
            partial.replace(output)
    except OSError as error:
        raise DiembaoError(f"{output} cannot be written: {error.strerror}", "Check the folder and the space left") from error
    finally:
        if partial:
            partial.unlink(missing_ok=True)
    return count


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--format", "form", type=click.Choice(["csv", "xlsx", "json", "jsonl"]), help="Default: by the ending of FILE.")
@click.option("--column", "columns", multiple=True, metavar="FIELD=COLUMN", help="Which column holds a field, e.g. body='Nội dung'.")
@click.option("--heading-row", type=click.IntRange(min=1), metavar="N", help="Row of the headings; default: found.")
@click.option("--source", default="hotline", show_default=True, help="Source id of the records.")
@click.option("--rejected", type=click.Path(path_type=Path, dir_okay=False), help="CSV file for the records that cannot be taken.")
@json_option
@click.pass_obj
def import_(
    settings: Settings,
    file: Path,
    form: str | None,
    columns: tuple[str, ...],
    heading_row: int | None,
    source: str,
    rejected: Path | None,
    as_json: bool,
) -> None:
    """Bring in the citizens' feedback records of FILE (CSV, XLSX, JSON): tagged, linked, indexed as the kind feedback.

    Columns are known by their usual headings, by what staff set right for the source on the page /feedback, or by --column. The sender's
    name, telephone and address are not read, and numbers in the text are masked. A record's number keeps it one record however often the
    file is brought in. docs/feedback.md describes files, columns and encodings.
    """
    from diembao import audit
    from diembao.state import State
    from flows.stages import bring_in
    from index import feedback, open_engine
    from index.corrections import renew
    from index.feedback_columns import columns_for
    from index.feedback_file import form_of, read_table
    from nlp.tagging import Tagger

    if not feedback.SOURCE.fullmatch(source):
        raise UsageError(f"{source!r} cannot be the id of a source", "Use small letters a-z, digits, - and _")
    chosen = dict(part.partition("=")[::2] for part in columns)
    try:
        content = file.read_bytes() if file.stat().st_size <= _LARGEST_IMPORT else b""
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}", "Check the file and its rights") from error
    if not content and file.stat().st_size:
        raise InputError(f"{file} has more than {_LARGEST_IMPORT // 1_000_000} MB", "Split it")
    table = read_table(content, form or form_of(file.name), heading_row)
    for note in table.notes:
        say(f"{file.name}: {clean(note)}")
    if not table.rows:
        raise InputError(f"{file} holds no record", "Check the file")
    now = utc_now()
    engine, state = open_engine(settings), State(settings.database)
    try:
        with state.session() as session:
            known = columns_for(table.headings, chosen, feedback.remembered(session, source))
            days = settings.office.retention.feedback
            oldest = now - timedelta(days=days) if days else None
            records, refused = feedback.read_records(table, known, source, settings.taxonomy, now, oldest)
            found = feedback.sort_out(session, records, refused)
        for one in found.rejected:
            say(f"rejected: {clean(one.problem)}")
        if rejected is not None:
            _write_file(rejected, lambda stream: stream.write(feedback.rejected_csv(found.rejected, known)))
        engine.prepare()
        articles = [record.article for record in found.taken]
        with state.session() as session:  # before the engine, so that it is written with the topics that were given
            changed = feedback.keep_records(session, found.taken, now)
        done = bring_in(settings, state, engine, Tagger.of(settings), with_progress(articles, "Writing", len(articles)), now)
        with state.session() as session:
            renew(session, engine, changed)
            audit.record(session, now, "command:import", "feedback.take", source, after={"run": done.run, "records": len(articles)})
    finally:
        engine.close()
        state.close()
    new = done.fates["indexed"] - done.revised
    counts = {
        "indexed": new, "unchanged": done.fates["unchanged"], "revised": done.revised, "rejected": done.quarantined + len(found.rejected),
    }  # fmt: skip
    if done.quarantined:
        say(f"in quarantine: {done.quarantined}, see {settings.runs_folder / done.run / 'quarantine.jsonl'}")
    if as_json:
        emit(counts)
    else:
        say(", ".join(f"{count} {name}" for name, count in counts.items()))
    if counts["rejected"]:
        raise DiembaoError(f"{counts['rejected']} of {len(table.rows)} records were rejected", "Mend them and import the file again")


@click.command()
@click.option("--from-runs", is_flag=True, help="From the run folders instead: when the index was lost or damaged.")
@json_option
@click.pass_obj
def reindex(settings: Settings, from_runs: bool, as_json: bool) -> None:
    """Rebuild the index from the articles it holds: after an update of Điểm Báo, or when doctor says so.

    The search goes on with the old index until the new one is complete. With --from-runs every crawled or imported article is tagged,
    linked and indexed again, into an engine that may be empty.
    """
    from index import open_engine

    engine = open_engine(settings)
    try:
        count = _from_runs(settings, engine) if from_runs else engine.rebuild()
    finally:
        engine.close()
    if as_json:
        emit({"articles": count})
    else:
        say(f"{count} articles indexed anew")


def _from_runs(settings: Settings, engine: SearchEngine) -> int:
    from diembao.state import State
    from flows.stages import replay_runs
    from nlp.tagging import Tagger

    state = State(settings.database)
    try:
        engine.prepare()
        return replay_runs(settings, state, engine, Tagger.of(settings))
    finally:
        state.close()
