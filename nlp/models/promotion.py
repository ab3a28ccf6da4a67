"""Learning from corrections by staff, and whether what was learnt is good enough to be used.

A new model is trained on the labels and on the corrections but for a fixed share, which is held out by the hash of the story, so that
two articles on one event never stand on both sides. It replaces the present one only when, beyond noise,

1. it is right on more held-out stories than the present one is,
2. and than a control is, which learnt the same texts with the labels that the models gave them. Staff correct what they see to be wrong,
   so the present model is wrong on the held-out corrections by selection, and any other one would look better; the control is free of that;
3. and it is not worse on the shipped labels, on outlets that neither learnt, than a model without the corrections;
4. and it decides what nobody corrected as the present one does, but for a twentieth: the shipped model may have learnt from labels that are
   not in the repository, and a model that knows less must not take its place. So that nothing is forgotten, the new one and the control
   also learn what the present one says of the latest articles that nobody corrected; a share of these is held out for this check.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from diembao.article import Article
from nlp.models.labels import TOPICS, LabelledHeadline
from nlp.models.measures import Decided, measure, targets
from nlp.models.model import HeadlineModel, headline
from nlp.models.reading import read_with
from nlp.models.splits import outlet_folds, outlet_groups
from nlp.models.training import Recipe, decide_by, train
from nlp.words import sentence_spans

log = logging.getLogger(__name__)

LABELS = ("topics", "sentiment", "critical_of")
"""The fields that models decide and corrections teach."""

HELD_OUT = 0.3
"""Share of the stories with corrections that is never trained on."""

FEWEST_HELD_OUT = 30
"""Held-out corrections below which nothing is decided."""

NOISE = 0.05
"""A difference that chance gives more often than this is noise (two-sided)."""

KEPT = 0.95
"""Share of the labels that nobody corrected, and of which the present model is sure, that a new one must leave as they are."""

SILENT_FOR_EACH = 2.0
"""Articles that nobody corrected that are learnt from for each corrected one: staff do not see every article, so among the silent ones are
mistakes too, and more of them would drown what staff said."""

FEWEST_SILENT = 100
"""Held-out labels that nobody corrected below which nothing is decided."""

FIGURES = ("topics micro-F1", "sentiment macro-F1", "critical_of macro-F1")
"""In which a new model must not be worse on the labels."""

_LEAD = 300
_FOLDS = 3
_RESAMPLES = 300

Progress = Callable[[str], None]


@dataclass(frozen=True)
class CorrectedItem:
    """An article with corrected labels.

    Attributes:
        labels: its text with the labels that it has now: the staff's where they gave one, the models' elsewhere.
        machine: the same text with the labels that the models gave.
        fields: those of LABELS that staff gave.
        lead: as the article has it; in `labels` the beginning of the body stands in for a missing one.
        sentences: of title, lead and body.
        story: on one event with others of the same story.
    """

    labels: LabelledHeadline
    machine: LabelledHeadline
    fields: tuple[str, ...]
    lead: str
    sentences: tuple[str, ...]
    story: str

    @property
    def held_out(self) -> bool:
        """Whether it is never trained on."""
        return int(hashlib.sha256(self.story.encode("utf-8", "replace")).hexdigest()[:8], 16) < HELD_OUT * 2**32


@dataclass(frozen=True)
class Paired:
    """Two models on the same held-out stories.

    Attributes:
        better: stories on which the new one has more corrections right.
        worse: those on which it has fewer.
        p: how often chance gives a difference as great (exact sign test over stories, two-sided; McNemar's where a story has one label).
    """

    better: int
    worse: int
    p: float

    @property
    def is_better(self) -> bool:
        """Better beyond noise."""
        return self.better > self.worse and self.p < NOISE


@dataclass(frozen=True)
class Difference:
    """How much a figure on the labels changes with the corrections; `low` and `high` bound 95 % of resamples over outlets."""

    without: float
    with_corrections: float
    low: float
    high: float

    @property
    def is_worse(self) -> bool:
        """Worse beyond noise."""
        return self.high < 0


@dataclass
class Verdict:
    """Whether a new model is to be used, and on what grounds.

    Attributes:
        promote: it is.
        why: one sentence.
        corrections: how many labels staff gave; how many of them are held out.
        right: share of the held-out corrections that each model has right: present, control, new.
        against_present: the new one beside the present one.
        against_control: the new one beside the control.
        on_labels: by figure, when the corrections spoke for it.
        kept: share of the held-out labels that nobody corrected which the new one leaves as they are.
    """

    promote: bool = False
    why: str = ""
    corrections: dict[str, int] = field(default_factory=dict)
    right: dict[str, float] = field(default_factory=dict)
    against_present: Paired | None = None
    against_control: Paired | None = None
    on_labels: dict[str, Difference] = field(default_factory=dict)
    kept: float | None = None

    def to_record(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def corrected_items(articles: Iterable[Article]) -> list[CorrectedItem]:
    """What can be learnt from articles with corrected labels; those without such are passed over.

    A label that staff did not touch stays as the models gave it: whoever mends one has seen the others. A topic of the office's own is
    no model's, so it is left out.
    """
    found = ((article, tuple(name for name in LABELS if name in article.corrected)) for article in articles)
    return [item for article, fields in found if fields and (item := _item(article, fields))]


def silent_items(articles: Iterable[Article]) -> list[CorrectedItem]:
    """What the models say of articles that nobody corrected: by `fields` the labels of which they are sure."""
    found = []
    for article in articles:
        if article.corrected or article.sentiment is None or article.critical_of is None:
            continue
        sure = (("sentiment", article.sentiment.confident), ("critical_of", article.critical_of.confident))
        if (fields := tuple(name for name, is_sure in sure if is_sure)) and (item := _item(article, fields)):
            found.append(item)
    return found


def _item(article: Article, fields: tuple[str, ...]) -> CorrectedItem | None:
    if article.sentiment is None or article.critical_of is None:
        return None
    labels = LabelledHeadline(
        id=article.id,
        title=article.title,
        lead=article.lead or article.body[:_LEAD],
        site=_site(article),
        year=article.published_at.year if article.published_at else 0,
        origin="corrections",
        sentiment=article.sentiment.label,
        critical_of=article.critical_of.label,
        topics=_known(topic.code for topic in article.topics),
    )
    before = article.uncorrected
    machine = replace(
        labels,
        topics=_known(topic["code"] for topic in before["topics"]) if "topics" in before else labels.topics,
        sentiment=(before.get("sentiment") or {}).get("label", labels.sentiment),
        critical_of=(before.get("critical_of") or {}).get("label", labels.critical_of),
    )
    text = "\n".join(part for part in (article.title, article.lead, article.body) if part)
    sentences = tuple(text[start:end] for start, end in sentence_spans(text))
    return CorrectedItem(labels, machine, fields, article.lead, sentences, article.story_id or article.copy_of or article.id)


def _known(codes: Iterable[str]) -> tuple[str, ...]:
    return tuple(code for code in codes if code in TOPICS)


def _site(article: Article) -> str:
    try:
        return urlsplit(article.url).hostname or article.source
    except ValueError:
        return article.source


def learn(
    labels: Sequence[LabelledHeadline],
    items: Sequence[CorrectedItem],
    silent: Sequence[CorrectedItem],
    present: HeadlineModel,
    recipe: Recipe | None = None,
    progress: Progress = log.info,
    about: Mapping[str, Any] | None = None,
) -> tuple[HeadlineModel, Verdict]:
    """A model trained on labels and corrections, and whether it is to replace `present`.

    What would be of no use is not measured: with too few corrections only the model is trained.

    Args:
        labels: the labelled headlines.
        items: the corrections.
        silent: the latest articles that nobody corrected, with what `present` says of them.
        present: the model in use.
        recipe: how to train.
        progress: gets a line whenever something is done.
        about: kept in the model.

    Raises:
        InputError: when there are too few labels.
    """
    taught, held_out = [item for item in items if not item.held_out], [item for item in items if item.held_out]
    stories = {item.story for item in items}
    silent = [item for item in silent if item.story not in stories]
    ballast = [item.labels for item in silent if not item.held_out][: round(SILENT_FOR_EACH * len(taught))]
    base = [*labels, *ballast]
    unchanged = [item for item in silent if item.held_out]
    counts = {"given": _fields(items), "held_out": _fields(held_out), "trained_on": _fields(taught), "silent_held_out": _fields(unchanged)}
    progress(f"{len(labels)} headlines and {counts['trained_on']} corrections; {counts['held_out']} corrections are held out")
    kept = {**(about or {}), "corrections": counts["trained_on"]}
    model = train([*base, *(item.labels for item in taught)], recipe, kept, progress)
    verdict = Verdict(corrections=counts)
    for many, fewest, what in (
        (counts["held_out"], FEWEST_HELD_OUT, "corrections"),
        (counts["silent_held_out"], FEWEST_SILENT, "labels that nobody corrected"),
    ):
        if many < fewest:
            verdict.why = f"{many} held-out {what} are too few to judge by: {fewest} are needed, about {round(fewest / HELD_OUT)} in all"
            return model, verdict
    progress("control: the same texts with the labels that the models gave them")
    control = train([*base, *(item.machine for item in taught)], recipe, None, progress)
    right = {name: _right(each, held_out) for name, each in (("present", present), ("control", control), ("new", model))}
    verdict.right = {name: round(float(found.sum()) / counts["held_out"], 4) for name, found in right.items()}
    of_story = [item.story for item in held_out]
    verdict.against_present = paired(right["new"] - right["present"], of_story)
    verdict.against_control = paired(right["new"] - right["control"], of_story)
    verdict.kept = round(float(_right(model, unchanged).sum()) / counts["silent_held_out"], 4)
    if verdict.against_present.is_better and verdict.against_control.is_better and verdict.kept >= KEPT:
        verdict.on_labels = _on_labels(labels, ballast, [item.labels for item in taught], recipe, progress)
    verdict.promote, verdict.why = decide(verdict.against_present, verdict.against_control, verdict.kept, verdict.on_labels)
    return model, verdict


def _fields(items: Iterable[CorrectedItem]) -> int:
    return sum(len(item.fields) for item in items)


def decide(against_present: Paired, against_control: Paired, kept: float, on_labels: Mapping[str, Difference]) -> tuple[bool, str]:
    """(whether the new model is to be used, why)."""
    for name, found in (("the present model", against_present), ("a control that learnt no correction", against_control)):
        if not found.is_better:
            return False, (
                f"on held-out corrections it is not better than {name} beyond noise: better on {found.better} stories, worse on "
                f"{found.worse} (p = {found.p:.3f})"
            )
    if kept < KEPT:
        return False, (f"it changes {1 - kept:.1%} of what nobody corrected and the present model is sure of: more than {1 - KEPT:.0%}")
    for name, change in on_labels.items():
        if change.is_worse:
            return False, (
                f"it is worse on the shipped labels: {name} {change.without:.3f} → {change.with_corrections:.3f}, 95 % of "
                f"{change.low:+.3f} to {change.high:+.3f}"
            )
    return True, (
        f"on held-out corrections it is better than the present model: better on {against_present.better} stories, worse on "
        f"{against_present.worse} (p = {against_present.p:.2g}), and no worse on the shipped labels"
    )


def paired(gains: NDArray[np.intp], stories: Sequence[str]) -> Paired:
    """Whether gains, one for each article, speak for the new model: an exact sign test over stories.

    >>> paired(np.array([1, 1, 1, 1, 1, 1, -1, 0]), list("abcdefgh"))
    Paired(better=6, worse=1, p=0.125)
    """
    of_story: dict[str, int] = defaultdict(int)
    for story, gain in zip(stories, gains.tolist(), strict=True):
        of_story[story] += gain
    better, worse = sum(gain > 0 for gain in of_story.values()), sum(gain < 0 for gain in of_story.values())
    return Paired(better, worse, float(binomtest(better, better + worse).pvalue) if better + worse else 1.0)


def _right(model: HeadlineModel, items: Sequence[CorrectedItem]) -> NDArray[np.intp]:
    """How many of its corrections `model` has right, for each item: as tagging would read the article."""
    found = []
    for item in items:
        said = read_with(model, item.labels.title, item.lead, item.sentences)
        same = {
            "topics": {topic.code for topic in said.topics} == set(item.labels.topics),
            "sentiment": said.sentiment.label == item.labels.sentiment,
            "critical_of": said.critical_of.label == item.labels.critical_of,
        }
        found.append(sum(same[name] for name in item.fields))
    return np.array(found, np.intp)


def _on_labels(
    labels: Sequence[LabelledHeadline],
    silent: Sequence[LabelledHeadline],
    taught: Sequence[LabelledHeadline],
    recipe: Recipe | None,
    progress: Progress,
) -> dict[str, Difference]:
    """The figures on outlets that were not trained on, without and with the corrections (of other outlets)."""
    fold_of = outlet_folds(labels, _FOLDS)
    decided: list[list[Decided]] = [[], []]
    rows: list[NDArray[np.intp]] = []
    for fold in range(_FOLDS):
        progress(f"labels, part {fold + 1} of {_FOLDS}, without and with the corrections")
        unseen = np.flatnonzero(fold_of == fold)
        seen = [item for item, place in zip(labels, fold_of, strict=True) if place != fold]
        judged = [labels[place] for place in unseen.tolist()]
        sites = {item.site for item in judged}
        seen += [item for item in silent if item.site not in sites]
        corrected = [item for item in taught if item.site not in sites]
        rows.append(unseen)
        for results, examples in zip(decided, (seen, [*seen, *corrected]), strict=True):
            model = train(examples, recipe, None, lambda _: None)
            results.append(decide_by(model, model.scores([headline(item.title, item.lead) for item in judged])))
    order = np.argsort(np.concatenate(rows), kind="stable")
    without, with_corrections = (
        Decided(
            *(np.concatenate([getattr(part, name) for part in parts])[order] for name in ("scores", "topics", "sentiment", "critical_of"))
        )
        for parts in decided
    )
    return differences(labels, without, with_corrections)


def differences(labels: Sequence[LabelledHeadline], without: Decided, with_corrections: Decided) -> dict[str, Difference]:
    """By figure of FIGURES: what corrections change; the interval by a paired bootstrap over groups of outlets."""
    truth = targets(labels)
    groups = outlet_groups(labels)
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1])
    chance = np.random.default_rng(0)

    def change(rows: NDArray[np.intp]) -> NDArray[np.float64]:
        old, new = measure(truth[rows], without.of(rows)), measure(truth[rows], with_corrections.of(rows))
        return np.array([(old[name], new[name]) for name in FIGURES])

    whole = change(np.arange(len(labels)))
    samples = []
    for _ in range(_RESAMPLES):
        chosen = np.concatenate([members[place] for place in chance.integers(0, len(members), len(members))])
        values = change(chosen)
        samples.append(values[:, 1] - values[:, 0])
    low, high = np.nanpercentile(np.array(samples), [2.5, 97.5], axis=0)
    return {
        name: Difference(*(round(float(value), 4) for value in (*whole[place], low[place], high[place])))
        for place, name in enumerate(FIGURES)
    }
