"""A small composed press landscape for the tests of alerts: three quiet weeks, then a river is polluted."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from diembao.article import Article, CriticalOf, Place, Sentiment, TopicScore

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)  # 17:00 in Vietnam
OUTLETS = ("bao-song-tien", "tin-nhanh-phuong-nam", "cong-thong-tin", "bao-dong-bang", "doc-bao")
RIVER = Place(code="82", name="Tỉnh Tiền Giang", level="province", province="Đồng Tháp")
SENTENCE = "Nước thải đen ngòm khiến cá chết trắng trên nhiều đoạn sông."


def article(
    number: int,
    topic: str,
    sentiment: str,
    published: datetime,
    outlet: str,
    title: str = "",
    copy_of: str | None = None,
    story: str | None = None,
) -> Article:
    """One tagged article."""
    url = f"https://{outlet}.vn/{number}.html"
    return Article(
        id=f"a{number:05}", url=url, source=outlet, title=title or f"Tin số {number} về {topic}",
        body=f"Nội dung của tin {number}.",
        published_at=published, first_seen_at=published, fetched_at=published, topics=[TopicScore(code=topic, score=0.9)],
        sentiment=Sentiment(label=sentiment, scores={sentiment: 0.9}, sentences=[SENTENCE] if sentiment == "negative" else []),
        critical_of=CriticalOf(label="none"), places=[RIVER] if sentiment == "negative" else [], copy_of=copy_of, story_id=story,
    )  # fmt: skip


def quiet_weeks(days: int = 21, seed: int = 7, until: datetime = NOW) -> Iterator[Article]:
    """`days` days of ordinary coverage before the day of `until`: 1 to 3 articles a day on the environment, mostly neutral."""
    rng = random.Random(seed)
    number = 0
    last = until.replace(hour=0)
    for day in range(days, 0, -1):
        for topic, per_day in (("environment", (1, 3)), ("security", (2, 4)), ("culture", (1, 3)), ("trade", (1, 2)), ("health", (1, 3))):
            for _ in range(rng.randint(*per_day)):
                number += 1
                at = last - timedelta(days=day) + timedelta(minutes=rng.randint(0, 14 * 60))
                yield article(number, topic, rng.choices(("negative", "neutral", "positive"), (15, 65, 20))[0], at, rng.choice(OUTLETS))


def polluted_river(count: int = 7, begin: datetime = NOW - timedelta(hours=6), minutes: int = 45) -> list[Article]:
    """`count` negative articles on one river from `begin` on, the last of them a reprint."""
    titles = (
        "Cá chết trắng sông Ba Rài, người dân lo nước thải nhà máy", "Sông Ba Rài đổi màu đen sau một đêm",
        "Dân Cai Lậy kêu cứu vì nước sông hôi thối",
        "Xác minh nguồn thải làm cá chết trên sông Ba Rài", "Ô nhiễm sông Ba Rài: hàng trăm hộ thiếu nước sinh hoạt",
        "Nhà máy xả thải ra sông Ba Rài bị lập biên bản",
        "Sông Ba Rài ô nhiễm: chính quyền nói gì?", "Cá bè chết hàng loạt, thiệt hại tiền tỷ",
    )  # fmt: skip
    found = []
    for index in range(count):
        at = begin + timedelta(minutes=minutes * index)
        found.append(article(90000 + index, "environment", "negative", at, OUTLETS[index % 5], titles[index % 8], story="river"))
    origin = found[0]
    found.append(
        article(90100, "environment", "negative", begin + timedelta(minutes=100), "doc-bao", origin.title, copy_of=origin.id, story="river")
    )
    return found
