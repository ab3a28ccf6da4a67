"""The form by which staff make a rule of a search: from the search to the form, from the form to the rule's table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData

from alerts.rule import Rule
from diembao.errors import UsageError
from web.searching.addresses import LONGEST_VALUE, MOST_VALUES, SearchAddress
from web.texts import Texts

LONGEST_QUERY = 4000
LONGEST_LABEL = 120
_BLAMED = ("authority", "organisation")
OFTEN = (1, 2, 4, 12, 52)
"""Accepted false alerts a year that can be chosen."""


@dataclass(frozen=True)
class Threshold:
    """One question of a kind of rule, asked in plain words (text `rule.KIND.KEY`).

    Attributes:
        key: of the rule's table.
        default: what the form begins with.
        low, high: of a number; both 0: it is a choice, or yes or no.
        choices: values that can be chosen; empty: a number, or yes or no.
        percent: asked as per cent, kept as a share.
    """

    key: str
    default: int | str | bool
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    percent: bool = False


_BUDGET = Threshold("false_alerts_per_year", "4", choices=tuple(map(str, OFTEN)))

FIXED: Mapping[str, Mapping[str, Any]] = {"negative_spike": {"by": "nothing"}, "negative_share": {"by": "nothing"}}
"""What a rule made of a search says besides: it watches the search as one series."""

KINDS: Mapping[str, tuple[Threshold, ...]] = {
    "new_match": (Threshold("each", "story", choices=("story", "article")), Threshold("negative", False)),
    "negative_spike": (Threshold("minimum", 4, 1, 10000), _BUDGET),
    "story_reach": (Threshold("outlets", 8, 2, 1000), Threshold("within_hours", 48, 1, 168), Threshold("negative", False)),
    "story_growth": (Threshold("outlets", 4, 2, 1000), Threshold("within_hours", 3, 1, 48), Threshold("negative", False)),
    "negative_share": (Threshold("minimum", 10, 3, 100000), Threshold("share", 40, 0, 100, percent=True), _BUDGET),
    "new_name": (Threshold("outlets", 4, 2, 1000), Threshold("quiet_days", 28, 7, 365), Threshold("words", False)),
    "first_criticism": (Threshold("quiet_days", 30, 3, 365),),
}
"""The kinds that the page offers, and what it asks for each. The others are written by hand."""


@dataclass(frozen=True)
class RuleForm:
    """What stands in the form.

    Attributes:
        file: of the rule that is changed; empty: a new one.
        version: of that file.
        label: how mails call the rule.
        kind: kind of rule.
        query, topics, places, critical_of: which articles.
        people: who is told; empty: everybody who gets alerts.
        answers: by "kind.key" what was answered, as text.
        notes: keys of texts that say what of the search a rule cannot keep.
    """

    file: str = ""
    version: str = ""
    label: str = ""
    kind: str = "new_match"
    query: str = ""
    topics: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    critical_of: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def answer(self, kind: str, threshold: Threshold) -> str:
        """What the form shows for one question; "1" is yes, the empty text no."""
        default = threshold.default
        return self.answers.get(f"{kind}.{threshold.key}", ("1" if default else "") if isinstance(default, bool) else str(default))

    def table(self, name: str, texts: Texts, topics: Sequence[str], old: Rule | None = None) -> dict[str, Any]:
        """The rule as a TOML table; None for keys that are to go. Raises UsageError with what is wrong, in the reader's language."""
        if self.kind not in KINDS:
            raise UsageError(texts("rule.problem.kind"))
        if not self.label:
            raise UsageError(texts("rule.problem.label"))
        if unknown := next((topic for topic in self.topics if topic not in topics), None):
            raise UsageError(texts("rule.problem.topic", topic=unknown))
        if not (self.query or self.topics or self.places or self.critical_of):
            raise UsageError(texts("rule.problem.all"))
        found: dict[str, Any] = {"kind": self.kind, "name": name, "label": self.label}
        for key in ("query", "topics", "places", "critical_of", "people"):
            value = getattr(self, key)
            found[key] = (list(value) if isinstance(value, tuple) else value) or None
        same_kind = old is not None and old.kind == self.kind
        found |= {} if same_kind else FIXED.get(self.kind, {})
        for threshold in KINDS[self.kind]:
            found[threshold.key] = self._value(threshold, texts)
        if old is not None and not same_kind:  # keys of the other kind
            gone = set(type(old).model_fields) - set(Rule.model_fields) - set(found)
            found |= dict.fromkeys(gone)
        return found

    def _value(self, threshold: Threshold, texts: Texts) -> Any:
        text = self.answer(self.kind, threshold).strip()
        if threshold.key == "false_alerts_per_year":
            try:
                return float(text) if float(text) > 0 else float("nan")
            except ValueError:
                text = ""
        if isinstance(threshold.default, bool):
            return bool(text)
        if threshold.choices and text in threshold.choices:
            return text
        if threshold.choices or not (text.isascii() and text.isdigit() and threshold.low <= int(text[:9]) <= threshold.high):
            asked = texts(f"rule.{self.kind}.{threshold.key}")
            raise UsageError(texts("rule.problem.number", asked=asked, low=threshold.low, high=threshold.high))
        return int(text) / 100 if threshold.percent else int(text)


def form_of_search(address: SearchAddress) -> RuleForm:
    """The form that a search begins with."""
    parts = [f"({address.q})"] if address.q else []
    for name, values in (("source", address.source), ("kind", address.kind), ("sentiment", address.sentiment)):
        if values:
            parts.append(
                f"{name}:({' OR '.join(_quoted(value) for value in values)})" if len(values) > 1 else f"{name}:{_quoted(values[0])}"
            )
    if "none" in address.critical_of:  # no rule has it among its keys
        parts.append("critical_of:(" + " OR ".join(address.critical_of) + ")")
    if address.story:
        parts.append(f"story:{_quoted(address.story)}")
    query = address.q if parts == [f"({address.q})"] else " AND ".join(parts)
    blamed = address.critical_of if "none" not in address.critical_of else ()
    is_negative = address.sentiment == ("negative",)
    return RuleForm(
        label=(address.q or "")[:LONGEST_LABEL],
        kind="negative_spike" if is_negative else "new_match",
        query=query,
        topics=address.topic,
        places=address.place,
        critical_of=blamed,
        # Who follows one story wants each new article of it: the story itself is not new.
        answers={"new_match.each": "article"} if address.story else {},
        notes=("rule.note.time",) if address.from_ or address.to else (),
    )


def form_of_rule(file: str, version: str, rule: Rule) -> RuleForm:
    """The form of a rule that there is."""
    answers: dict[str, str] = {}
    for threshold in KINDS.get(rule.kind, ()):
        value = getattr(rule, threshold.key)
        if threshold.percent:
            text = str(round(100 * value))
        elif isinstance(value, bool):
            text = "1" if value else ""
        else:
            text = f"{value:g}" if isinstance(value, float) else str(value)
        answers[f"{rule.kind}.{threshold.key}"] = text
    return RuleForm(
        file, version, rule.label or rule.name, rule.kind, rule.query, rule.topics, rule.places, rule.critical_of, rule.people, answers
    )


def read_form(sent: FormData) -> RuleForm:
    """What was sent back; too long or too many is cut, since a browser's form cannot send it."""

    def one(name: str, longest: int = LONGEST_VALUE) -> str:
        value = sent.get(name, "")
        return " ".join(value.replace("\x00", "").split())[:longest] if isinstance(value, str) else ""

    def several(name: str) -> tuple[str, ...]:
        values = (value.strip()[:LONGEST_VALUE] for value in sent.getlist(name) if isinstance(value, str))
        return tuple(dict.fromkeys(value for value in values if value))[:MOST_VALUES]

    kind = one("kind")
    places = tuple(dict.fromkeys(place.strip() for place in one("places", 2000).split(";") if place.strip()))[:MOST_VALUES]
    answers = {f"{kind_}.{threshold.key}": one(f"{kind_}.{threshold.key}", 20) for kind_, asked in KINDS.items() for threshold in asked}
    blamed = tuple(value for value in several("critical_of") if value in _BLAMED)
    return RuleForm(
        one("file"), one("version"), one("label", LONGEST_LABEL), kind, one("query", LONGEST_QUERY), several("topics"), places, blamed,
        several("people"), answers,
    )  # fmt: skip


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
