"""A tagging step: one plain function in one file of `nlp/steps/`, with its version and what it writes.

A step says what it reads by its parameter names: fields of the Article (`title`, `body`, `published_at`, also fields that
other steps write) and the shared values of `SHARED`, which are computed once per article and only when a step asks.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from diembao.article import Article
from diembao.errors import DiembaoError

SHARED: Mapping[str, str] = {
    "text": "str: title, lead and body, each that is not empty, joined by line feeds",
    "language": 'Language: "vi", "vi-plain" (typed without marks), "other" or "none" (nothing to tell by), of `text`',
    "sentences": "list[str]: sentences of `text`; none reaches over a line feed",
    "sentence_spans": "list[tuple[int, int]]: where each sentence stands in `text`, code points",
    "body_start": "int: where the body begins in `text`, code points",
    "tokens": "list[list[str]]: the words of each sentence (a word of several syllables has spaces inside)",
    "token_spans": "list[list[tuple[int, int]]]: where each word stands in `text`, code points",
    "tagged": "list[list[TaggedWord]]: (word, pos, chunk, ner) of each word of each sentence",
    "abbreviations": "Mapping[str, str]: the office's abbreviations, written out",
    "office_province": "str | None: today's province that the office serves",
    "outlet_province": "str | None: today's province that the outlet is at home in, by its entry or its address; None: national",
    "model": "HeadlineModel: tells topics, sentiment and who is criticised; the office's own where there is one",
    "own_topics": "OwnTopics: the topics that the office added, with the phrases that tell them",
}
"""The shared values by name; `nlp.tagging` computes them."""

VERSIONED = ("model", "own_topics")
"""Shared values that an office changes: `Article.steps` says for each step that reads one which it was ("topics.model"), so what was
tagged with another one is tagged anew like what an older version of the step tagged."""


class StepError(DiembaoError):
    """A step failed on an article, or a step is wrong in itself; names the step and the article.

    Args:
        message: which step, which article, what happened.
        hint: what to do about it.
    """


@dataclass(frozen=True)
class Step:
    """What a file of `nlp/steps/` offers as `STEP`.

    Attributes:
        fn: the function; returns the value of `writes`, or, for several names, a tuple with one value for each.
        version: 1, 2, …; raise it whenever the function (or its model) may give another answer.
        writes: the Article field or fields that it fills.
        name: name of the file; filled when the step is found.
    """

    fn: Callable[..., Any]
    version: int
    writes: str | tuple[str, ...]
    name: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        """The Article fields that it fills."""
        return (self.writes,) if isinstance(self.writes, str) else tuple(self.writes)

    @property
    def reads(self) -> tuple[str, ...]:
        """Its parameter names: what it is given."""
        return tuple(inspect.signature(self.fn).parameters)


def discover(package: str = "nlp.steps") -> list[Step]:
    """The steps of a package, one per module, in an order in which each stands behind those whose fields it reads.

    Raises:
        StepError: when a module has no STEP, two steps write one field, a step reads or writes what does not exist, or steps
            wait for each other.
    """
    folder = import_module(package)
    found = []
    for module in sorted(entry.name for entry in pkgutil.iter_modules(folder.__path__) if not entry.name.startswith("_")):
        step = getattr(import_module(f"{package}.{module}"), "STEP", None)
        if not isinstance(step, Step):
            raise StepError(f"{package}.{module} has no STEP", "End the file with STEP = Step(function, version=1, writes='field')")
        found.append(Step(step.fn, step.version, step.writes, module))
    return in_order(found)


def in_order(steps: Iterable[Step]) -> list[Step]:
    """`steps`, each behind those whose fields it reads; otherwise in the order given. Raises StepError (see `discover`)."""
    waiting = list(steps)
    writers: dict[str, str] = {}
    for step in waiting:
        for field in step.fields:
            if field not in Article.model_fields:
                raise StepError(f"step {step.name!r} writes {field!r}, which is no field of an Article", "Define the field first")
            if field in writers:
                raise StepError(f"steps {writers[field]!r} and {step.name!r} both write {field!r}", "Let one step write it")
            writers[field] = step.name
        for name in step.reads:
            if name not in SHARED and name not in Article.model_fields:
                raise StepError(
                    f"step {step.name!r} reads {name!r}, which is neither a field of an Article nor a shared value",
                    f"Shared values: {', '.join(SHARED)}",
                )
    ordered: list[Step] = []
    written: set[str] = set()
    while waiting:
        ready = next(
            (step for step in waiting if all(name in written or name not in writers or name in step.fields for name in step.reads)), None
        )
        if ready is None:
            raise StepError(f"steps wait for each other: {', '.join(step.name for step in waiting)}", "Break the circle of what they read")
        waiting.remove(ready)
        ordered.append(ready)
        written.update(ready.fields)
    return ordered
