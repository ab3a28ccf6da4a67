"""From flags to a verdict on each source: healthy, to be watched, broken; since when and why. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self

Level = Literal["healthy", "learning", "watch", "broken"]
Kind = Literal["broken", "blocked", "layout", "silent", "fewer", "field", "partly"]

BROKEN: tuple[Kind, ...] = ("broken", "blocked", "layout", "silent")
"""Articles are missing. The others mean that fewer come, or that they come incomplete."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a source.

    Attributes:
        kind: cannot be reached, refuses us, pages cannot be read, silent, fewer articles, a lost field, some ways in fail.
        since: when it began, aware UTC; None: unknown.
        found: what is seen now: articles (silent, fewer), or a share (layout, field, blocked).
        usual: what is usual of it.
        what: names of lost fields, or what the server said.
    """

    kind: Kind
    since: datetime | None
    found: float = 0.0
    usual: float = 0.0
    what: str = ""


@dataclass(frozen=True)
class Health:
    """The verdict on one source.

    Attributes:
        level: broken: articles are missing; watch: fewer or incomplete ones; learning: too little is known to judge its volume.
        since: when what makes the level began.
        findings: the weightiest first.
        usual_a_day: articles that an ordinary day brings; None: not known yet.
        by_now: articles that today should have brought until the last full hour; None: not known yet.
        today: articles that it brought, counted likewise.
    """

    level: Level
    since: datetime | None = None
    findings: tuple[Finding, ...] = field(default_factory=tuple)
    usual_a_day: float | None = None
    by_now: float | None = None
    today: int = 0

    def to_record(self) -> dict[str, Any]:
        """As JSON has it."""
        record = asdict(self)
        record["since"] = self.since.isoformat() if self.since else None
        record["findings"] = [{**asdict(one), "since": one.since.isoformat() if one.since else None} for one in self.findings]
        return record

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """The inverse of `to_record`."""
        findings = tuple(Finding(**{**one, "since": _moment(one["since"])}) for one in record["findings"])
        return cls(**{**record, "since": _moment(record["since"]), "findings": findings})


def judge(findings: list[Finding], *, knows_volume: bool, usual: float | None, by_now: float | None, today: int) -> Health:
    """The verdict that follows from what was found; what explains something else stands for it.

    Without an answer nothing is read; what cannot be read is missing; so only the first cause is told.
    """
    kinds = {one.kind for one in findings}
    hidden: set[str] = set()
    if kinds & {"broken", "blocked"}:
        hidden |= {"silent", "fewer", "layout", "field", "partly"}
    if "blocked" in kinds:
        hidden |= {"broken"}
    if "layout" in kinds:
        hidden |= {"silent", "fewer", "field"}
    if "silent" in kinds:
        hidden |= {"fewer"}
    order = ("blocked", "broken", "layout", "silent", "fewer", "field", "partly")
    told = sorted((one for one in findings if one.kind not in hidden), key=lambda one: order.index(one.kind))
    level: Level = "healthy" if knows_volume else "learning"
    if told:
        level = "broken" if any(one.kind in BROKEN for one in told) else "watch"
    return Health(level, told[0].since if told else None, tuple(told), usual, by_now, today)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
