"""From an Article to the same Article with everything filled that its text tells."""

from __future__ import annotations

import multiprocessing
import tomllib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from diembao.article import Article
from diembao.errors import ConfigError, DiembaoError, UsageError
from diembao.settings import Settings
from nlp.language import Language, language_of
from nlp.models.model import HeadlineModel
from nlp.models.office import ModelInUse, model_in_use
from nlp.outlets import province_of_host, provinces_of_sources
from nlp.own_topics import OwnTopics, own_topics
from nlp.repair import VERSION as REPAIR_VERSION
from nlp.repair import repair
from nlp.step import SHARED, VERSIONED, Step, StepError, discover, in_order
from nlp.words import TaggedWord, Words, sentence_spans, split_words, tag_sentences

REPAIR = "repair"
"""The name under which the version of the text repair stands in `Article.steps`."""

_TASK = 8
"""Articles that a process gets at a time: enough to hide the way there, few enough to keep the order cheap."""


class Tagger:
    """Repairs the text of articles and runs every tagging step on it.

    Nothing is loaded until the first article. Steps are the files of `nlp/steps/`.

    Args:
        config: folder of what the office edits (`abbreviations.toml`, `taxonomy.toml`, `sources/`; what is missing is taken as empty).
        province: today's province (34) that the office serves, e.g. "Đồng Tháp"; it settles names that several places bear.
        steps: instead of those of `nlp/steps/`.
        home: DIEMBAO_HOME, where the office's own model may stand; None: the shipped model.
    """

    def __init__(self, config: Path, province: str | None = None, steps: Sequence[Step] | None = None, home: Path | None = None) -> None:
        self._config = config
        self._province = province
        self._given = None if steps is None else in_order(steps)
        self._home = home

    @classmethod
    def of(cls, settings: Settings) -> Tagger:
        """The tagger of an installation."""
        return cls(settings.config, settings.office.province, home=settings.home)

    @cached_property
    def steps(self) -> list[Step]:
        """The steps in the order in which they run. Raises StepError when one of the files is wrong."""
        return discover() if self._given is None else self._given

    @cached_property
    def versions(self) -> dict[str, int]:
        """What `Article.steps` says after tagging: version of the repair, of each step, and of what the office changes for it."""
        versions = {REPAIR: REPAIR_VERSION}
        for step in self.steps:
            versions |= self.versions_of(step)
        return versions

    def versions_of(self, step: Step) -> dict[str, int]:
        """What `Article.steps` says of one step."""
        read = [name for name in VERSIONED if name in step.reads]
        return {step.name: step.version} | {f"{step.name}.{name}": getattr(self, name).version for name in read}

    @cached_property
    def model(self) -> ModelInUse:
        """The model of topics, sentiment and who is criticised."""
        return model_in_use(self._home)

    @cached_property
    def own_topics(self) -> OwnTopics:
        """The topics that the office added. Raises ConfigError when taxonomy.toml is wrong."""
        return own_topics(self._config / "taxonomy.toml")

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The Article fields that the steps fill."""
        return tuple(field for step in self.steps for field in step.fields)

    @cached_property
    def abbreviations(self) -> Mapping[str, str]:
        """The office's abbreviations, written out. Raises ConfigError when the file is wrong."""
        return read_abbreviations(self._config / "abbreviations.toml")

    @cached_property
    def outlets(self) -> Mapping[str, str]:
        """Today's province of each source that is at home in one, by its id."""
        return provinces_of_sources(self._config / "sources")

    def tag(self, article: Article) -> Article:
        """`article` with its text repaired, every step's fields filled and `steps` set.

        Raises:
            StepError: when a step fails; names the step and the article.
        """
        return self._run(_repaired(article), self.steps).with_fields(steps=dict(self.versions))

    def is_current(self, article: Article, only: str | None = None) -> bool:
        """Whether `retag` would leave `article` as it is."""
        if only is None:
            return article.steps == self.versions
        return all(article.steps.get(name) == version for name, version in self._wanted(only).items())

    def retag(self, article: Article, only: str | None = None) -> Article:
        """`article` with only those steps run again whose version is not the one it was tagged with.

        A step also runs when one runs whose fields it reads; all run when the repair has another version and changes the text.
        An article that is up to date comes back as it is.

        Args:
            article: as it was tagged, without corrections (`diembao.corrections.uncorrected`).
            only: a step's name, or `REPAIR`: what else is old stays.

        Raises:
            StepError: when a step fails.
            UsageError: when there is no step of that name.
        """
        if self.is_current(article, only):
            return article
        text = (article.title, article.lead, article.body)
        if only in (None, REPAIR) and article.steps.get(REPAIR) != REPAIR_VERSION:
            article = _repaired(article)
            if text != (article.title, article.lead, article.body):
                return self._run(article, self.steps).with_fields(steps=dict(self.versions))
            article = article.with_fields(steps=article.steps | {REPAIR: REPAIR_VERSION})
        stale: list[Step] = []
        changed: set[str] = set()
        for step in self.steps:
            wanted = self.versions_of(step)
            is_old = only in (None, step.name) and any(article.steps.get(name) != version for name, version in wanted.items())
            if is_old or changed.intersection(step.reads):
                stale.append(step)
                changed.update(step.fields)
        article = self._run(article, stale)
        if only is None:
            return article.with_fields(steps=dict(self.versions))
        ran = {name: version for step in stale for name, version in self.versions_of(step).items()}
        return article.with_fields(steps=article.steps | ran)

    def _wanted(self, only: str) -> dict[str, int]:
        if only == REPAIR:
            return {REPAIR: REPAIR_VERSION}
        for step in self.steps:
            if step.name == only:
                return self.versions_of(step)
        raise UsageError(f"there is no step {only!r}", f"Steps: {', '.join([REPAIR, *(step.name for step in self.steps)])}")

    def tag_all(
        self, articles: Iterable[Article], processes: int = 1, failed: Callable[[Article, StepError], None] | None = None
    ) -> Iterator[Article]:
        """The articles tagged, in their order, as they become ready; reads only little ahead.

        Args:
            articles: any number, also endless.
            processes: 1 works in this process, more in as many others.
            failed: is given an article on which a step fails, and its error; the article is left out and the work goes on.

        Raises:
            StepError: when a step fails and `failed` is None; the articles before have been given. When a process was killed.
        """
        results = self._here(articles) if processes <= 1 else self._in_processes(iter(articles), processes)
        with closing(results):
            for article, result in results:
                if isinstance(result, Article):
                    yield result
                elif failed is None:
                    raise result
                else:
                    failed(article, result)

    def _here(self, articles: Iterable[Article]) -> Generator[tuple[Article, Article | StepError]]:
        for article in articles:
            try:
                yield article, self.tag(article)
            except StepError as error:
                yield article, error

    def _in_processes(self, articles: Iterator[Article], processes: int) -> Generator[tuple[Article, Article | StepError]]:
        context = multiprocessing.get_context("spawn")
        running: deque[tuple[list[Article], Future[list[Article | StepError]]]] = deque()
        with ProcessPoolExecutor(processes, context, _start, (self._config, self._province, self._given, self._home)) as pool:
            try:
                while True:
                    while len(running) < 2 * processes and (task := list(islice(articles, _TASK))):
                        running.append((task, pool.submit(_tag_task, task)))
                    if not running:
                        return
                    task, future = running.popleft()
                    yield from zip(task, future.result(), strict=True)
            except BrokenProcessPool as error:
                raise StepError(
                    "a working process was ended from outside, perhaps because memory was short", "Work with fewer processes"
                ) from error
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, article: Article, steps: Iterable[Step]) -> Article:
        shared = _Shared(article, self)
        fields: dict[str, Any] = {}
        for step in steps:
            try:
                given = {
                    name: fields[name] if name in fields else getattr(shared, name) if name in SHARED else getattr(article, name)
                    for name in step.reads
                }
                value = step.fn(**given)
                values = (value,) if isinstance(step.writes, str) else tuple(value)
                fields.update(zip(step.fields, values, strict=True))
            except DiembaoError:
                raise
            except Exception as error:
                raise StepError(
                    f"step {step.name!r} failed on article {article.id or article.title[:60]!r}: {type(error).__name__}: {error}",
                    "This is a defect of the step: report the article and this line",
                ) from error
        return article.with_fields(**fields)


@dataclass
class _Shared:
    """The shared values of one article (`nlp.step.SHARED`), each computed when first asked for."""

    article: Article
    tagger: Tagger

    @cached_property
    def text(self) -> str:
        return "\n".join(part for part in (self.article.title, self.article.lead, self.article.body) if part)

    @property
    def body_start(self) -> int:
        return len(self.text) - len(self.article.body)

    @cached_property
    def language(self) -> Language:
        return language_of(self.text)

    @cached_property
    def sentence_spans(self) -> list[tuple[int, int]]:
        return sentence_spans(self.text)

    @cached_property
    def sentences(self) -> list[str]:
        return [self.text[start:end] for start, end in self.sentence_spans]

    @cached_property
    def _words(self) -> list[Words]:
        return [split_words(sentence) for sentence in self.sentences]

    @property
    def tokens(self) -> list[list[str]]:
        return [sentence.words for sentence in self._words]

    @property
    def token_spans(self) -> list[list[tuple[int, int]]]:
        return [
            [(start + begin, start + end) for begin, end in sentence.spans]
            for sentence, (start, _) in zip(self._words, self.sentence_spans, strict=True)
        ]

    @cached_property
    def tagged(self) -> list[list[TaggedWord]]:
        return tag_sentences(self.tokens)

    @property
    def abbreviations(self) -> Mapping[str, str]:
        return self.tagger.abbreviations

    @property
    def model(self) -> HeadlineModel:
        return self.tagger.model.model

    @property
    def own_topics(self) -> OwnTopics:
        return self.tagger.own_topics

    @property
    def office_province(self) -> str | None:
        return self.tagger._province

    @property
    def outlet_province(self) -> str | None:
        return self.tagger.outlets.get(self.article.source) or province_of_host(self.article.url)


def read_abbreviations(path: Path) -> dict[str, str]:
    """The `[abbreviations]` of an office's file: abbreviation → written out; empty when the file is missing.

    Raises:
        ConfigError: when the file is wrong.
    """
    if not path.exists():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("abbreviations", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}", "Mend the file, or copy the shipped one") from error
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: 'abbreviations' is not a table", "Begin the list with a line [abbreviations]")
    for short, long in table.items():
        if not isinstance(long, str) or not long.strip():
            raise ConfigError(f"{path}: {short!r} has no text", f"Write it as: {short} = 'written out'")
    return table


def _repaired(article: Article) -> Article:
    title, lead, body = repair(article.title), repair(article.lead), repair(article.body)
    return article.with_fields(
        title=title.text, lead=lead.text, body=body.text, obfuscated=title.obfuscated or lead.obfuscated or body.obfuscated
    )


_tagger: Tagger
"""The tagger of a working process, made when the process starts."""


def _start(config: Path, province: str | None, steps: Sequence[Step] | None, home: Path | None) -> None:
    global _tagger
    _tagger = Tagger(config, province, steps, home)


def _tag_task(articles: list[Article]) -> list[Article | StepError]:
    results: list[Article | StepError] = []
    for article in articles:
        try:
            results.append(_tagger.tag(article))
        except StepError as error:
            results.append(StepError(error.message, error.hint))
    return results
