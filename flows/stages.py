"""The stages of a monitor run as plain functions: crawl, then tag, link and index what was crawled, then alerts.

Crawling and indexing fail separately: a crawl leaves a run folder, and every run that is not indexed yet is taken up by the next
call. Each stage may be repeated; the second time changes nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from alerts.briefing.documents import template_in
from alerts.briefing.kept import bring_up_to_date
from alerts.briefing.sending import queue_briefing
from alerts.evaluation import evaluate
from alerts.health.kept import judge_all, note
from alerts.log import record
from alerts.outbox import send_due
from alerts.report.documents import template_in as report_template_in
from alerts.report.figures import read_report
from alerts.report.period import Kind, last_complete
from alerts.report.sending import queue_report
from alerts.rules_file import read_rules
from alerts.source_mail import queue_changes
from alerts.source_trouble import read_troubles
from crawlers.locks import is_at_work
from crawlers.observed import observe
from crawlers.registry import choose, read_each
from crawlers.runs import PageFate, RunTail, RunWriter, new_run_id, read_run
from crawlers.spool import SPOOL
from diembao.article import Article
from diembao.engine import SearchEngine
from diembao.errors import DiembaoError
from diembao.fates import KEPT, Fate, FateLedger, summarise
from diembao.settings import Settings
from diembao.source import source_names
from diembao.state import Progress, Run, State
from flows import leases
from flows.quarantine import QUARANTINE, Quarantined, read_quarantine, write_quarantine
from index.ingest import ingest
from nlp.linking import link
from nlp.tagging import Tagger

BATCH = 500
"""Articles that are tagged, linked and written together: bounds the memory of a long backlog."""
ROUND_MINUTES = 1.5
"""Minutes that one source may take in a round; the rest waits for the next one, so no slow host keeps other feeds from being asked."""
ABANDONED = timedelta(minutes=2)
"""What has no summary, wrote nothing for so long and belongs to no crawl at work was killed; what it left is indexed."""

Item = TypeVar("Item")


@dataclass
class IndexedRun:
    """What became of one crawl run.

    Attributes:
        run: id of the run.
        fates: `{"fetched", "indexed", "unchanged", "dropped"}`, counts of pages; they add up.
        revised: how many of the indexed pages were new revisions.
        quarantined: articles that could not be tagged or were refused, each with its reason, in `quarantine.jsonl` of the run.
        problems: what was wrong with a source as a whole (an empty feed, an unreachable robots.txt), one line each.
    """

    run: str
    fates: dict[str, Any]
    revised: int = 0
    quarantined: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class AlertsReport:
    """Alerts that are open or were closed in this evaluation, the mails that went out, and by rule why it could not be evaluated."""

    alerts: list[str]
    queued: int
    sent: int
    waiting: int
    broken_rules: dict[str, str] = field(default_factory=dict)


def crawl(
    settings: Settings,
    sources: Iterable[str],
    now: datetime,
    part: str | None = None,
    begins: Callable[[str], None] = lambda _: None,
    must_end: Callable[[], bool] = lambda: False,
) -> str:
    """Run one crawl in a process of its own (Scrapy's reactor cannot start twice) and return the id of its run.

    Args:
        settings: of the installation.
        sources: ids; none: every enabled one.
        now: names the run.
        part: only a part of the sources, such as "1/2" (`crawlers.locks.part_of`).
        begins: gets the id of the run before it begins.
        must_end: asked every second; when it says so, the crawl is interrupted.

    Raises:
        UsageError: for a source that is not known.
        ConfigError: when no source is enabled, or a source's file is wrong.
        DiembaoError: when the crawl process failed; carries its last line.
    """
    wanted = list(sources)
    choose(settings.sources_folder, wanted)
    run = new_run_id(now)
    names = [argument for name in wanted for argument in ("--source", name)]
    begins(run)
    command = [sys.executable, "-m", "crawlers", "--run", run, "--minutes", str(ROUND_MINUTES), "--parent", str(os.getpid())]
    command += [*names, *(["--part", part] if part else [])]
    with subprocess.Popen(command, env=settings.environment, stderr=subprocess.PIPE, text=True) as process:
        said, is_ending = None, False
        while said is None:
            try:
                _, said = process.communicate(timeout=1)
            except subprocess.TimeoutExpired:
                if not is_ending and must_end():
                    is_ending = True
                    process.terminate()
    if process.returncode != 0:
        lines = said.strip().splitlines() or ["it said nothing"]
        raise DiembaoError(
            f"the crawl failed with exit code {process.returncode}: {lines[-1]}", f"Its folder: {settings.runs_folder / run}"
        )
    return run


def quarantined_runs(settings: Settings) -> list[str]:
    """Ids of the runs that have articles in quarantine, oldest first."""
    return sorted(path.parent.name for path in settings.runs_folder.glob(f"*/{QUARANTINE}"))


def waiting_runs(settings: Settings, state: State, now: datetime) -> list[str]:
    """Ids of the crawl runs that are not indexed yet, oldest first; without those that are still being written."""
    with state.session() as session:
        done = {run.id for run in session.query(Run).filter(Run.indexed_at.is_not(None))}
    folders = sorted(folder for folder in settings.runs_folder.glob("*") if folder.name not in done and folder.is_dir())
    return [folder.name for folder in folders if (folder / "summary.json").exists() or _is_abandoned(settings, state, folder, now)]


def lease_of(run: str) -> str:
    """Who holds this lease crawls and indexes the run."""
    return f"run:{run}"


def _is_abandoned(settings: Settings, state: State, folder: Path, now: datetime) -> bool:
    if is_at_work(settings.home / SPOOL, folder.name):
        return False
    return now - _last_write(folder) > ABANDONED or leases.is_killed(state, lease_of(folder.name))


def is_indexed(state: State, run: str) -> bool:
    """Whether every article of `run` is in the engine. Raises StateError."""
    with state.session() as session:
        record = session.get(Run, run)
        return record is not None and record.indexed_at is not None


@dataclass(frozen=True)
class Backlog:
    """What was crawled and is not in the engine yet; it lies in the run folders and goes in oldest first.

    Attributes:
        runs: how many runs wait.
        articles: how many articles are in them.
        oldest: id of the run that waits longest; None when nothing waits.
    """

    runs: int
    articles: int
    oldest: str | None

    def __str__(self) -> str:
        """One line for a person."""
        if self.oldest is None:
            return "nothing waits for the engine"
        return f"{self.articles} articles of {self.runs} runs wait on disk for the engine, the oldest run is {self.oldest}"


def backlog(settings: Settings, state: State, now: datetime) -> Backlog:
    """What waits for the engine at `now`. Raises StateError."""
    waiting = waiting_runs(settings, state, now)
    count = 0
    for run in waiting:
        path = settings.runs_folder / run / "articles.jsonl"
        if path.exists():
            with path.open("rb") as lines:
                count += sum(line.endswith(b"\n") for line in lines)
    return Backlog(len(waiting), count, waiting[0] if waiting else None)


def _last_write(folder: Path) -> datetime:
    newest = max((entry.stat().st_mtime for entry in [folder, *folder.iterdir()]), default=0.0)
    return datetime.fromtimestamp(newest, UTC)


class Following:
    """Tags, links and indexes the articles of a crawl while it is still at work, so that none waits for the slowest host.

    What it did is remembered until `index_run` gives the pages of the run their fates; after a kill the whole run is taken up again, as
    any other that was not indexed to its end.

    Args:
        settings: of the installation.
        state: tells others that the run is taken care of.
    """

    def __init__(self, settings: Settings, state: State) -> None:
        self._settings = settings
        self._state = state
        self._held: dict[str, leases.Held] = {}
        self._tails: dict[str, RunTail] = {}
        self._done: dict[str, Processed] = {}

    def begins(self, run: str) -> None:
        """A crawl is about to write `run`. Raises StateError."""
        if held := leases.take(self._state, lease_of(run)):
            self._held[run] = held
        self._tails[run] = RunTail(self._settings.runs_folder / run, self._settings.archive_folder)

    def is_ours(self, run: str) -> bool:
        """Whether nobody else indexes `run`; nobody else will until `done`. Raises StateError."""
        if run not in self._held and (held := leases.take(self._state, lease_of(run))):
            self._held[run] = held
        return run in self._held

    def done(self, run: str) -> None:
        """Nothing more is to be done for `run` now. Raises StateError."""
        if held := self._held.pop(run, None):
            held.release()

    def close(self) -> None:
        """Leave what is not done to others. Raises StateError."""
        for run in list(self._held):
            self.done(run)

    def advance(self, state: State, engine: SearchEngine, tagger: Tagger) -> int:
        """Index what was crawled since the last call; returns how many articles.

        Raises:
            DiembaoError: when the engine or the database fails. What could not be written is found by `index_run`.
        """
        count = 0
        for run, tail in list(self._tails.items()):
            try:
                articles = tail.articles()
            except OSError as error:
                raise DiembaoError(
                    f"the run {run} cannot be made safe: {error.strerror}", "Make room on the disk of DIEMBAO_HOME"
                ) from error
            if articles:
                self._done.setdefault(run, Processed()).add(_process(articles, state, engine, tagger))
                count += len(articles)
        return count

    def take(self, run: str) -> Processed:
        """What was done of `run`, which has ended; it is followed no longer."""
        self._tails.pop(run, None)
        return self._done.pop(run, Processed())


def index_run(
    settings: Settings, state: State, engine: SearchEngine, tagger: Tagger, run: str, now: datetime, done: Processed | None = None
) -> IndexedRun:
    """Tag, link and index the articles of one run, and give every page of it its fate.

    Args:
        settings: of the installation.
        state: gets the fates.
        engine: gets the articles.
        tagger: tags them.
        run: its id.
        now: the present moment.
        done: what was indexed of it already, while it was crawled.

    Raises:
        DiembaoError: when the engine or the database fails (the run stays waiting), or the fates do not add up.
    """
    crawled = read_run(settings.runs_folder / run)
    ledger = FateLedger()
    for page in crawled.fates():
        ledger.take_up(page.page)
        if page.fate is not None:
            ledger.settle(page.page, page.fate)
    open_pages = set(ledger.open_pages())
    processed = done or Processed()
    for part in crawled.parts():
        rest = (article for article in part if article.id in open_pages and article.id not in processed.outcomes)
        processed.add(_process(rest, state, engine, tagger))
    for identity in open_pages & processed.outcomes.keys():
        ledger.settle(identity, processed.outcomes[identity])
    for page_without_article in ledger.open_pages():
        ledger.settle(page_without_article, Fate.PARSE_ERROR)
    ledger.check()
    write_quarantine(crawled.folder, processed.quarantine)
    fates = ledger.summary()
    with state.session() as session:
        record = session.get(Run, run) or Run(id=run, started_at=now)
        if record.indexed_at is None:
            note(session, observe(crawled))
        record.started_at = crawled.started_at or record.started_at
        record.ended_at = record.indexed_at = now
        record.fates = fates
        session.add(record)
    return IndexedRun(run, fates, processed.revised, len(processed.quarantine), list(crawled.problems))


def replay_runs(settings: Settings, state: State, engine: SearchEngine, tagger: Tagger) -> int:
    """Tag, link and index every article of every indexed run again, oldest run first: how a lost index comes back.

    Fates and quarantines stay as they are. The same runs give the same ids, revisions and groups.

    Returns:
        How many articles were written or were there already.

    Raises:
        DiembaoError: when the engine or the database fails, or a run cannot be read; repeating it goes on.
    """
    with state.session() as session:
        done = {run.id for run in session.query(Run).filter(Run.indexed_at.is_not(None))}
    kept = 0
    for folder in sorted(settings.runs_folder.glob("*")):
        if folder.name in done:
            for part in read_run(folder).parts():
                outcomes = _process(part, state, engine, tagger).outcomes
                kept += sum(fate in KEPT for fate in outcomes.values())
    return kept


def bring_in(
    settings: Settings, state: State, engine: SearchEngine, tagger: Tagger, articles: Iterable[Article], now: datetime
) -> IndexedRun:
    """Index `articles` that no crawl fetched (citizens' feedback) as a run of their own, so that a replay finds them too.

    Raises:
        DiembaoError: as `index_run`; the run then waits and the next round of `monitor` takes it up.
    """
    writer = RunWriter(settings.runs_folder / new_run_id(now))
    for article in articles:
        writer.write_article(article)
        writer.write_fate(PageFate(article.id, article.url, article.source, None))
    writer.finish({"started_at": now.isoformat(), "problems": []})
    return index_run(settings, state, engine, tagger, writer.folder.name, now)


def retry_quarantine(settings: Settings, state: State, engine: SearchEngine, tagger: Tagger, run: str) -> IndexedRun:
    """Try the quarantined articles of one run again; those that can be indexed now leave the quarantine.

    Returns:
        The run with its corrected fates; `quarantined` is how many stay.

    Raises:
        DiembaoError: when the engine or the database fails, or the quarantine cannot be read (everything stays as it was).
    """
    folder = settings.runs_folder / run
    waiting = read_quarantine(folder)
    processed = _process((entry.article for entry in waiting), state, engine, tagger)
    with state.session() as session:
        record = session.get_one(Run, run)
        fates = corrected_fates(record.fates, [(entry.fate, processed.outcomes[entry.article.id]) for entry in waiting])
        record.fates = fates
    write_quarantine(folder, processed.quarantine)
    return IndexedRun(run, fates, processed.revised, len(processed.quarantine))


def corrected_fates(fates: dict[str, Any], changes: Iterable[tuple[Fate, Fate]]) -> dict[str, Any]:
    """The fates of a run after some pages changed theirs, each (before, after).

    >>> corrected_fates({"fetched": 2, "indexed": 1, "unchanged": 0, "dropped": {"tag_failed": 1}}, [(Fate.TAG_FAILED, Fate.INDEXED)])
    {'fetched': 2, 'indexed': 2, 'unchanged': 0, 'dropped': {}}
    """
    counts = Counter({Fate(name): count for name, count in fates["dropped"].items()})
    counts.update({fate: fates[fate] for fate in KEPT})
    for before, after in changes:
        counts[before] -= 1
        counts[after] += 1
    return summarise(counts, fates["fetched"])


@dataclass
class Processed:
    """What became of articles: the fate of each id, those that wait in quarantine, and how many were new revisions."""

    outcomes: dict[str, Fate] = field(default_factory=dict)
    quarantine: list[Quarantined] = field(default_factory=list)
    revised: int = 0

    def add(self, other: Processed) -> None:
        """Add what became of further articles."""
        self.outcomes |= other.outcomes
        self.quarantine += other.quarantine
        self.revised += other.revised


def _process(articles: Iterable[Article], state: State, engine: SearchEngine, tagger: Tagger) -> Processed:
    """Tag, link and index `articles` in batches; one that fails is quarantined and holds up no other."""
    done = Processed()
    for batch in _batches(articles, BATCH):
        tagged = []
        for article in batch:
            try:
                tagged.append(tagger.tag(article))
            except DiembaoError as error:
                done.outcomes[article.id] = Fate.TAG_FAILED
                done.quarantine.append(Quarantined(article, Fate.TAG_FAILED, str(error)))
        with leases.alone(state, leases.WRITING):  # between the look for copies and the writing nobody else may write one
            report = ingest(engine, state, link(tagged, engine))
        done.revised += report.revised
        for article in tagged:
            done.outcomes[article.id] = report.outcomes[article.id]
            if report.outcomes[article.id] is Fate.REJECTED:
                done.quarantine.append(Quarantined(article, Fate.REJECTED, report.reasons[article.id]))
    return done


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def total_fates(runs: Iterable[IndexedRun]) -> dict[str, Any]:
    """The summed fates of several runs."""
    fetched, kept, dropped = 0, Counter[str](), Counter[str]()
    for run in runs:
        fetched += run.fates["fetched"]
        kept.update({str(fate): run.fates[fate] for fate in KEPT})
        dropped.update(run.fates["dropped"])
    return {"fetched": fetched, **{str(fate): kept[fate] for fate in KEPT}, "dropped": dict(sorted(dropped.items()))}


def alert(settings: Settings, state: State, engine: SearchEngine, now: datetime) -> AlertsReport:
    """Evaluate every rule at `now`, write the alert log and the outbox, and send what is due.

    A rule whose query cannot be understood keeps no other one from being evaluated.

    Raises:
        DiembaoError: when a rule file is wrong, or the engine or the database fails. A mail server that is away is no
            failure here: the messages wait in the outbox.
    """
    broken: dict[str, str] = {}
    found = evaluate(read_rules(settings.alerts_folder), engine, now, settings.taxonomy, state, broken)
    queued = record(state, found, settings.office, settings.taxonomy, now, source_names(settings.sources_folder), broken)
    sent = send_due(state, settings.office.mail, now)
    return AlertsReport([one.id for one in found], queued, sent.sent, sent.waiting, broken)


def draft(settings: Settings, state: State, engine: SearchEngine, now: datetime) -> dict[str, Any]:
    """Compile the briefing of the day of `now`, or bring it up to date, so that staff can edit it.

    Returns:
        `{"day", "chosen", "kept", "edited"}`.
    """
    made = bring_up_to_date(state, engine, settings.office, settings.taxonomy, now, source_names(settings.sources_folder))
    return {"day": made.day.isoformat(), "chosen": len(made.chosen), "kept": len(made.items), "edited": made.edited_at is not None}


def brief(settings: Settings, state: State, engine: SearchEngine, now: datetime) -> dict[str, int]:
    """Bring the briefing of the day of `now` up to date, queue it as staff left it for everybody who wants it, and send what is due.

    Returns:
        `{"queued", "sent", "waiting"}`, counts of mails; the second time on a day nothing is queued.
    """
    made = bring_up_to_date(state, engine, settings.office, settings.taxonomy, now, source_names(settings.sources_folder))
    queued = queue_briefing(state, settings.office, settings.taxonomy, made.day, now, template_in(settings.alerts_folder))
    sent = send_due(state, settings.office.mail, now)
    return {"queued": queued, "sent": sent.sent, "waiting": sent.waiting}


def report_work(kind: Kind) -> str:
    """Under this name the state keeps which report was sent last."""
    return f"done:{kind}-report"


def report(settings: Settings, state: State, engine: SearchEngine, kind: Kind, now: datetime) -> dict[str, Any]:
    """Mail the report of the last complete week or month, and note that it is done; one without any article is not mailed.

    Returns:
        `{"period", "articles", "queued", "sent", "waiting"}`; the second time nothing is queued.
    """
    period = last_complete(kind, now)
    names = source_names(settings.sources_folder)
    found = read_report(engine, state, settings.office, settings.taxonomy, period, now, names)
    queued = 0
    if found.everything.total:
        queued = queue_report(state, found, settings.office, settings.taxonomy, now, report_template_in(settings.alerts_folder))
    with state.session() as session:
        session.merge(Progress(work=report_work(kind), target=period.key, cursor={"queued": queued}, updated_at=now))
    sent = send_due(state, settings.office.mail, now)
    return {"period": period.key, "articles": found.everything.total, "queued": queued, "sent": sent.sent, "waiting": sent.waiting}


def source_health(settings: Settings, state: State, now: datetime) -> dict[str, Any]:
    """Judge every source, and tell the operators which fell silent or broke, or are well again.

    Returns:
        `{"troubles", "new", "over", "queued", "sent", "waiting"}`: one line each, names of sources, counts of mails.
    """
    known, _ = read_each(settings.sources_folder)
    judge_all(state, [source for source in known.values() if source.enabled], now)
    troubles = read_troubles(state, now, {source.id: source.name for source in known.values()})
    change = queue_changes(state, troubles, settings.office, now)
    sent = send_due(state, settings.office.mail, now)
    return {"troubles": [one.line("en") for one in troubles], "new": [one.source for one in change.new], "over": list(change.over),
            "queued": change.queued, "sent": sent.sent, "waiting": sent.waiting}  # fmt: skip
