"""What our dashboards show: the daily picture, one page per field, and how collecting goes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dashboards.definitions import (
    BLUE,
    EVERY_ARTICLE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    RED,
    ArticleList,
    Condition,
    Count,
    Dashboard,
    Days,
    Distinct,
    Groups,
    Latest,
    Note,
    Panel,
    Place,
    Share,
    Values,
    one_of,
    since,
    without,
)
from diembao.errors import ConfigError
from diembao.taxonomy import Field, Name, Taxonomy

NEGATIVE = one_of("sentiment", ["negative"])
AUTHORITY = one_of("critical_of", ["authority"])

_ARTICLES = Name(vi="Số tin bài", en="Articles")
_STORIES = Name(vi="Số sự việc", en="Stories")
_DAY = Name(vi="Ngày đăng", en="Day of publication")
_IS_NEGATIVE = Name(vi="Tiêu cực", en="Negative")
_SHARE = Name(vi="Tỷ lệ tiêu cực", en="Negative share")
_CRITICAL = Name(vi="Phê phán cơ quan nhà nước", en="Critical of an authority")
_SOURCE = Name(vi="Nguồn", en="Source")
_PLACE = Name(vi="Địa phương", en="Place")

_BY_SENTIMENT = (
    Count(_IS_NEGATIVE, NEGATIVE, RED),
    Count(Name(vi="Trung tính", en="Neutral"), one_of("sentiment", ["neutral"]), GREY),
    Count(Name(vi="Tích cực", en="Positive"), one_of("sentiment", ["positive"]), GREEN),
    Count(Name(vi="Chưa đánh giá", en="Not rated"), without("sentiment"), PALE),
)
_NEGATIVE_SHARE = Share(_SHARE, NEGATIVE, RED)
_CONTROLS = (("source", _SOURCE), ("place", _PLACE), ("sentiment", Name(vi="Sắc thái", en="Sentiment")))
_COLUMNS = ("record.title", "source", "topic", "place", "critical_of", "id", "record.url")


def every_dashboard(taxonomy: Taxonomy) -> tuple[Dashboard, ...]:
    """All dashboards of an office, with the topics and fields as it names and groups them.

    Raises:
        ConfigError: when two topics or two fields have the same name, or a field's key cannot be part of an id.
    """
    fields = (field_picture(key, field, taxonomy) for key, field in taxonomy.fields.items() if field.topics)
    return (daily_picture(taxonomy), *fields, collecting())


def daily_picture(taxonomy: Taxonomy) -> Dashboard:
    """What the press writes, over all fields.

    Raises:
        ConfigError: when two topics or two fields have the same name.
    """
    fields = _groups(
        Name(vi="Lĩnh vực", en="Field"),
        [(entry.name, one_of("topic", entry.topics)) for entry in taxonomy.fields.values() if entry.topics],
    )
    by_subject = (
        Panel(
            "fields", Name(vi="Theo lĩnh vực và sắc thái", en="By field and sentiment"),
            "horizontal_bars", Place(0, 22, 24, 14), _BY_SENTIMENT, fields,
        ),
        _topics(taxonomy, tuple(taxonomy.topics), Place(24, 22, 24, 14)),
    )  # fmt: skip
    critical = (
        _critical_per_day(Place(0, 50, 24, 12)),
        Panel(
            "critical-fields", Name(vi="Phê phán cơ quan nhà nước, theo lĩnh vực", en="Critical of an authority, by field"),
            "horizontal_bars", Place(24, 50, 24, 12), (Count(_ARTICLES, colour=ORANGE),), fields, AUTHORITY,
        ),
    )  # fmt: skip
    newest = ArticleList(
        "negative", Name(vi="Tin tiêu cực mới nhất", en="Latest negative articles"), Place(0, 62, 48, 18), _COLUMNS, NEGATIVE
    )
    note = Note(
        "reading",
        Name(
            vi="**Điểm Báo: bức tranh hằng ngày.** Mỗi bài đăng tính một lần, bài đăng lại cũng tính; "
            "“sự việc” gộp các bài về cùng một việc. Một bài có thể thuộc nhiều chủ đề, lĩnh vực, địa phương. "
            "Ngày không có tin có thể là ngày không thu thập được: xem bảng “Điểm Báo – Tình hình thu thập”.",
            en="**Điểm Báo: the daily picture.** Each published article counts once, reprints too; "
            "a “story” is all articles on one event. An article may have several topics, fields and places. "
            "A day without articles may be a day on which collecting failed: see “Điểm Báo – Collecting”.",
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
        (*_numbers(), *_over_time(), *by_subject, *_tables(36), *critical),
        (newest,),
        (note,),
        _CONTROLS,
        links=_links(EVERY_ARTICLE),
    )


def field_picture(key: str, field: Field, taxonomy: Taxonomy) -> Dashboard:
    """What the press writes about one field of the taxonomy, for the department that answers for it.

    Raises:
        ConfigError: when two of its topics have the same name, or `key` cannot be part of an id.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,60}", key):
        raise ConfigError(f"taxonomy.toml: the field {key!r} cannot have a dashboard", "Use small letters, digits, - and _ in [fields.KEY]")
    where = one_of("topic", field.topics)
    newest = ArticleList(
        f"negative-{key}",
        Name(vi=f"{field.name.vi}: tin tiêu cực mới nhất", en=f"{field.name.en}: latest negative articles"),
        Place(0, 48, 48, 18), _COLUMNS, where & NEGATIVE,
    )  # fmt: skip
    answers = Name(
        vi=f" Cơ quan phụ trách: {field.department}." if field.department else "",
        en=f" Responsible: {field.department}." if field.department else "",
    )
    note = Note(
        "reading",
        Name(
            vi=f"**{_plain(field.name.vi)}.**{_plain(answers.vi)} Mỗi bài đăng tính một lần, bài đăng lại cũng tính; "
            "“sự việc” gộp các bài về cùng một việc.",
            en=f"**{_plain(field.name.en)}.**{_plain(answers.en)} Each published article counts once, reprints too; "
            "a “story” is all articles on one event.",
        ),
        Place(0, 0, 48, 5),
    )
    return Dashboard(
        f"field-{key}",
        Name(vi=f"Điểm Báo – {field.name.vi}", en=f"Điểm Báo – {field.name.en}"),
        Name(
            vi="Một lĩnh vực: bao nhiêu, ở đâu, sắc thái, phê phán ai", en="One field: how much, where, in which tone, whom it criticises"
        ),
        "now-29d/d",
        (
            *_numbers(where),
            *_over_time(where),
            _topics(taxonomy, tuple(field.topics), Place(0, 22, 24, 12), where),
            _critical_per_day(Place(24, 22, 24, 12), where),
            *_tables(34, where),
        ),
        (newest,),
        (note,),
        _CONTROLS,
        links=_links(where),
    )


def collecting() -> Dashboard:
    """Which sources delivered, when, and how complete their articles are: by when we found an article, not by its own date."""
    no_date, no_lead, no_author = without("published_at"), without("words.lead"), without("words.author")
    found = Name(vi="Tin bài thu được", en="Articles found")
    undated = Name(vi="Không có ngày đăng", en="Without a date")
    leadless = Name(vi="Không có sapo", en="Without a lead")
    note = Note(
        "reading",
        Name(
            vi="**Điểm Báo: tình hình thu thập.** Tính theo lúc hệ thống tìm thấy bài. Nguồn lâu không có bài đứng đầu bảng: nguồn im lặng "
            "hoặc bộ thu thập hỏng. Tỷ lệ thiếu ngày, sapo hay tác giả tăng vọt thường là trang đã đổi giao diện. "
            "Kiểm tra: `diembao sources check TÊN`.",
            en="**Điểm Báo: collecting.** By the time at which an article was found. The sources that have been silent longest come first: "
            "they published nothing, or collecting is broken. A jump in missing dates, leads or authors often means a new page layout. "
            "Check with `diembao sources check NAME`.",
        ),
        Place(0, 0, 48, 5),
    )
    numbers = (
        Panel("found", found, "number", Place(0, 5, 12, 5), (Count(found),)),
        Panel("delivering", Name(vi="Nguồn có bài", en="Sources with articles"), "number", Place(12, 5, 12, 5),
              (Distinct(Name(vi="Nguồn có bài", en="Sources with articles"), "source"),)),
        Panel("undated", undated, "number", Place(24, 5, 12, 5), (Share(undated, no_date),)),
        Panel("leadless", leadless, "number", Place(36, 5, 12, 5), (Share(leadless, no_lead),)),
    )  # fmt: skip
    by_source = (
        Count(found),
        Count(Name(vi="24 giờ qua", en="Last 24 hours"), since("first_seen_at", "now-24h")),
        Count(Name(vi="7 ngày qua", en="Last 7 days"), since("first_seen_at", "now-7d")),
        Latest(Name(vi="Bài mới nhất thu lúc", en="Latest found at"), "first_seen_at"),
        Share(undated, no_date),
        Share(leadless, no_lead),
        Share(Name(vi="Không có tác giả", en="Without an author"), no_author),
    )
    return Dashboard(
        "collecting",
        Name(vi="Điểm Báo – Tình hình thu thập", en="Điểm Báo – Collecting"),
        Name(
            vi="Nguồn nào có bài, nguồn nào im lặng, bài có đủ thông tin không",
            en="Which sources deliver, which are silent, how complete articles are",
        ),
        "now-29d/d",
        (
            *numbers,
            Panel(
                "found-per-day", Name(vi="Thu được mỗi ngày", en="Found per day"), "bars", Place(0, 10, 48, 10),
                (Count(found, colour=BLUE),), Days(Name(vi="Ngày thu thập", en="Day of collecting")),
            ),
            Panel(
                "sources-health", Name(vi="Từng nguồn", en="Source by source"), "table", Place(0, 20, 48, 26),
                by_source, Values(_SOURCE, "source", 500), sorted_by=(3, "asc"),
            ),
        ),
        notes=(note,),
        controls=(("source", _SOURCE), ("kind", Name(vi="Loại nguồn", en="Kind of source"))),
        time="first_seen_at",
    )  # fmt: skip


def _numbers(where: Condition = EVERY_ARTICLE) -> tuple[Panel, ...]:
    return (
        Panel("articles", _ARTICLES, "number", Place(0, 5, 10, 5), (Count(_ARTICLES),), where=where),
        Panel("stories", _STORIES, "number", Place(10, 5, 10, 5), (Distinct(_STORIES, "subject"),), where=where),
        Panel("negative", _IS_NEGATIVE, "number", Place(20, 5, 9, 5), (Count(_IS_NEGATIVE, NEGATIVE, RED),), where=where),
        Panel("share", _SHARE, "number", Place(29, 5, 10, 5), (_NEGATIVE_SHARE,), where=where),
        Panel("critical", _CRITICAL, "number", Place(39, 5, 9, 5), (Count(_CRITICAL, AUTHORITY, ORANGE),), where=where),
    )


def _over_time(where: Condition = EVERY_ARTICLE) -> tuple[Panel, ...]:
    return (
        Panel(
            "coverage", Name(vi="Tin bài mỗi ngày theo sắc thái", en="Coverage per day by sentiment"),
            "bars", Place(0, 10, 24, 12), _BY_SENTIMENT, Days(_DAY), where,
        ),
        Panel(
            "share-over-time", Name(vi="Tỷ lệ tiêu cực theo ngày", en="Negative share per day"),
            "lines", Place(24, 10, 24, 12), (_NEGATIVE_SHARE,), Days(_DAY), where,
        ),
    )  # fmt: skip


def _topics(taxonomy: Taxonomy, codes: Sequence[str], place: Place, where: Condition = EVERY_ARTICLE) -> Panel:
    topics = _groups(Name(vi="Chủ đề", en="Topic"), [(taxonomy.topics[code], one_of("topic", [code])) for code in codes])
    return Panel(
        "topics", Name(vi="Theo chủ đề và sắc thái", en="By topic and sentiment"), "horizontal_bars", place, _BY_SENTIMENT, topics, where
    )


def _critical_per_day(place: Place, where: Condition = EVERY_ARTICLE) -> Panel:
    other = Count(Name(vi="Phê phán tổ chức khác", en="Critical of another organisation"), one_of("critical_of", ["organisation"]), BLUE)
    return Panel(
        "critical-per-day", Name(vi="Phê phán ai, theo ngày", en="Who is criticised, per day"),
        "bars", place, (Count(_CRITICAL, AUTHORITY, ORANGE), other), Days(_DAY), where,
    )  # fmt: skip


def _tables(y: int, where: Condition = EVERY_ARTICLE) -> tuple[Panel, ...]:
    columns = (Count(_ARTICLES), Count(_IS_NEGATIVE, NEGATIVE), _NEGATIVE_SHARE, Distinct(_STORIES, "subject"))
    return (
        Panel(
            "sources", Name(vi="Theo nguồn", en="By source"), "table", Place(0, y, 24, 14), columns, Values(_SOURCE, "source", 20), where
        ),
        Panel(
            "places", Name(vi="Theo địa phương", en="By place"), "table", Place(24, y, 24, 14), columns, Values(_PLACE, "place", 20), where
        ),
    )


def _links(where: Condition) -> tuple[tuple[Name, Condition], ...]:
    return (
        (Name(vi="tất cả", en="all"), where),
        (Name(vi="tiêu cực", en="negative"), where & NEGATIVE),
        (Name(vi="phê phán cơ quan nhà nước", en="critical of an authority"), where & AUTHORITY),
    )


def _groups(label: Name, groups: Sequence[tuple[Name, Condition]]) -> Groups:
    for language in ("vi", "en"):
        names = [name.in_language(language) for name, _ in groups]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"taxonomy.toml gives two entries the name {twice[0]!r}", "Kibana tells groups apart by name: rename one")
    return Groups(label, tuple(groups))


def _plain(text: str) -> str:
    r"""`text` as Markdown that shows it as it is.

    >>> _plain("Đất đai *[x](y)*")
    'Đất đai \\*\\[x\\]\\(y\\)\\*'
    """
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~-])", r"\\\1", text)
