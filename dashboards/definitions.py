"""What the dashboards show, in the words of the field: which numbers, by what, narrowed to what.

Nothing here knows how Kibana stores a panel (`dashboards.lens`, `dashboards.saved_objects`). Fields are those of
`index.elasticsearch_mapping`; conditions are in Kibana's query language (KQL).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from diembao.errors import ConfigError
from diembao.taxonomy import Name, Taxonomy

Form = Literal["number", "bars", "lines", "horizontal_bars", "table"]

RED, GREY, GREEN, PALE, BLUE, ORANGE = "#c0392b", "#98a2b3", "#2e8b57", "#d0d5dd", "#1f5fa8", "#b54708"


@dataclass(frozen=True)
class Count:
    """How many articles; `where` (KQL) narrows them."""

    label: Name
    where: str = ""
    colour: str = ""


@dataclass(frozen=True)
class Distinct:
    """How many different values of `field`. Elasticsearch estimates it above 3,000."""

    label: Name
    field: str


@dataclass(frozen=True)
class Share:
    """The share of the articles that match `where` (KQL), 0 to 1, shown as per cent."""

    label: Name
    where: str
    colour: str = ""


@dataclass(frozen=True)
class Days:
    """One group per day of publication, in the time zone that Kibana is set to; days without articles too."""

    label: Name


@dataclass(frozen=True)
class Groups:
    """Named groups, each with its condition (KQL), in this order; an article may be in several."""

    label: Name
    groups: tuple[tuple[Name, str], ...]


@dataclass(frozen=True)
class Values:
    """One group per value of `field`: the `size` most frequent ones."""

    label: Name
    field: str
    size: int


Metric = Count | Distinct | Share
Grouping = Days | Groups | Values


@dataclass(frozen=True)
class Place:
    """Where a panel stands: Kibana's grid has 48 columns; a row is about 20 pixels high."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True)
class Panel:
    """One panel: `metrics` by `by`, over the articles that match `where` (KQL)."""

    key: str
    title: Name
    form: Form
    place: Place
    metrics: tuple[Metric, ...]
    by: Grouping | None = None
    where: str = ""


@dataclass(frozen=True)
class ArticleList:
    """The newest articles that match `where` (KQL), with `columns`."""

    key: str
    title: Name
    place: Place
    columns: tuple[str, ...]
    where: str


@dataclass(frozen=True)
class Note:
    """A text for the reader, in Markdown."""

    key: str
    text: Name
    place: Place


@dataclass(frozen=True)
class Dashboard:
    """A page of panels.

    Attributes:
        key: the stable part of its id.
        since: beginning of the time that it opens with, in Kibana's date arithmetic; the end is now.
        controls: fields that the reader can choose values of, with their names.
    """

    key: str
    title: Name
    description: Name
    since: str
    panels: tuple[Panel, ...]
    lists: tuple[ArticleList, ...] = ()
    notes: tuple[Note, ...] = ()
    controls: tuple[tuple[str, Name], ...] = field(default=())


def one_of(name: str, values: Iterable[str]) -> str:
    r"""The KQL condition that field `name` has one of `values`.

    >>> one_of("topic", ["security", "traffic"])
    'topic : ("security" or "traffic")'
    >>> one_of("source", ['a "b"'])
    'source : "a \\"b\\""'
    """
    quoted = ['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values]
    return f"{name} : {quoted[0]}" if len(quoted) == 1 else f"{name} : ({' or '.join(quoted)})"


NEGATIVE = one_of("sentiment", ["negative"])
AUTHORITY = one_of("critical_of", ["authority"])

_ARTICLES = Name(vi="Số tin bài", en="Articles")
_STORIES = Name(vi="Số sự việc", en="Stories")
_DAY = Name(vi="Ngày đăng", en="Day of publication")
_IS_NEGATIVE = Name(vi="Tiêu cực", en="Negative")
_SHARE = Name(vi="Tỷ lệ tiêu cực", en="Negative share")
_CRITICAL = Name(vi="Phê phán cơ quan nhà nước", en="Critical of an authority")

_BY_SENTIMENT = (
    Count(_IS_NEGATIVE, NEGATIVE, RED),
    Count(Name(vi="Trung tính", en="Neutral"), one_of("sentiment", ["neutral"]), GREY),
    Count(Name(vi="Tích cực", en="Positive"), one_of("sentiment", ["positive"]), GREEN),
    Count(Name(vi="Chưa đánh giá", en="Not rated"), "not sentiment : *", PALE),
)
_NEGATIVE_SHARE = Share(_SHARE, NEGATIVE, RED)


def _groups(label: Name, groups: Sequence[tuple[Name, str]]) -> Groups:
    for language in ("vi", "en"):
        names = [name.in_language(language) for name, _ in groups]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"taxonomy.toml gives two entries the name {twice[0]!r}", "Kibana tells groups apart by name: rename one")
    return Groups(label, tuple(groups))


def daily_picture(taxonomy: Taxonomy) -> Dashboard:
    """The dashboard for the daily picture, with the topics and fields as the office names and groups them.

    Raises:
        ConfigError: when two topics or two fields have the same name.
    """
    topics = _groups(Name(vi="Chủ đề", en="Topic"), [(name, one_of("topic", [code])) for code, name in taxonomy.topics.items()])
    fields = _groups(
        Name(vi="Lĩnh vực", en="Field"),
        [(entry.name, one_of("topic", entry.topics)) for entry in taxonomy.fields.values() if entry.topics],
    )
    by_source = Values(Name(vi="Nguồn", en="Source"), "source", 20)
    by_place = Values(Name(vi="Địa phương", en="Place"), "place", 20)
    columns = (Count(_ARTICLES), Count(_IS_NEGATIVE, NEGATIVE), _NEGATIVE_SHARE, Distinct(_STORIES, "subject"))
    numbers = (
        Panel("articles", _ARTICLES, "number", Place(0, 5, 10, 5), (Count(_ARTICLES),)),
        Panel("stories", _STORIES, "number", Place(10, 5, 10, 5), (Distinct(_STORIES, "subject"),)),
        Panel("negative", _IS_NEGATIVE, "number", Place(20, 5, 9, 5), (Count(_IS_NEGATIVE, NEGATIVE, RED),)),
        Panel("share", _SHARE, "number", Place(29, 5, 10, 5), (_NEGATIVE_SHARE,)),
        Panel("critical", _CRITICAL, "number", Place(39, 5, 9, 5), (Count(_CRITICAL, AUTHORITY, ORANGE),)),
    )
    over_time = (
        Panel(
            "coverage", Name(vi="Tin bài mỗi ngày theo sắc thái", en="Coverage per day by sentiment"),
            "bars", Place(0, 10, 24, 12), _BY_SENTIMENT, Days(_DAY),
        ),
        Panel(
            "share-over-time", Name(vi="Tỷ lệ tiêu cực theo ngày", en="Negative share per day"),
            "lines", Place(24, 10, 24, 12), (_NEGATIVE_SHARE,), Days(_DAY),
        ),
    )  # fmt: skip
    by_subject = (
        Panel(
            "fields", Name(vi="Theo lĩnh vực và sắc thái", en="By field and sentiment"),
            "horizontal_bars", Place(0, 22, 24, 14), _BY_SENTIMENT, fields,
        ),
        Panel(
            "topics", Name(vi="Theo chủ đề và sắc thái", en="By topic and sentiment"),
            "horizontal_bars", Place(24, 22, 24, 14), _BY_SENTIMENT, topics,
        ),
        Panel("sources", Name(vi="Theo nguồn", en="By source"), "table", Place(0, 36, 24, 14), columns, by_source),
        Panel("places", Name(vi="Theo địa phương", en="By place"), "table", Place(24, 36, 24, 14), columns, by_place),
    )  # fmt: skip
    critical = (
        Panel(
            "critical-per-day", Name(vi="Phê phán ai, theo ngày", en="Who is criticised, per day"),
            "bars", Place(0, 50, 24, 12),
            (Count(_CRITICAL, AUTHORITY, ORANGE),
             Count(Name(vi="Phê phán tổ chức khác", en="Critical of another organisation"), one_of("critical_of", ["organisation"]), BLUE)),
            Days(_DAY),
        ),
        Panel(
            "critical-fields", Name(vi="Phê phán cơ quan nhà nước, theo lĩnh vực", en="Critical of an authority, by field"),
            "horizontal_bars", Place(24, 50, 24, 12), (Count(_ARTICLES, "", ORANGE), ), fields, AUTHORITY,
        ),
    )  # fmt: skip
    newest = ArticleList(
        "negative",
        Name(vi="Tin tiêu cực mới nhất", en="Latest negative articles"),
        Place(0, 62, 48, 18),
        ("record.title", "source", "topic", "place", "critical_of", "id", "record.url"),
        NEGATIVE,
    )
    note = Note(
        "reading",
        Name(
            vi="**Điểm Báo: bức tranh hằng ngày.** Mỗi bài đăng tính một lần, bài đăng lại cũng tính; "
            "“sự việc” gộp các bài về cùng một việc. Một bài có thể thuộc nhiều chủ đề, lĩnh vực, địa phương. "
            "Ngày không có tin có thể là ngày không thu thập được: xem `diembao sources check`.",
            en="**Điểm Báo: the daily picture.** Each published article counts once, reprints too; "
            "a “story” is all articles on one event. An article may have several topics, fields and places. "
            "A day without articles may be a day on which collecting failed: see `diembao sources check`.",
        ),
        Place(0, 0, 48, 5),
    )
    return Dashboard(
        "daily",
        Name(vi="Điểm Báo – Bức tranh hằng ngày", en="Điểm Báo – Daily picture"),
        Name(
            vi="Báo chí viết gì, về lĩnh vực nào, ở đâu, sắc thái ra sao",
            en="What the press writes, about which field, where, in which tone",
        ),
        "now-13d/d",
        (*numbers, *over_time, *by_subject, *critical),
        (newest,),
        (note,),
        (("source", by_source.label), ("place", by_place.label), ("sentiment", Name(vi="Sắc thái", en="Sentiment"))),
    )
