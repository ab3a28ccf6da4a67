"""A small composed press for the tests of the page: every article here is invented."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from fastapi import FastAPI

from diembao.alert import Alert, Evidence, SeriesPoint
from diembao.article import (
    ArchiveRecord,
    Article,
    CreditedSource,
    CriticalOf,
    Place,
    Sentiment,
    TopicScore,
)
from diembao.clock import VIETNAM
from diembao.engine import SearchEngine
from diembao.settings import PROJECT, Settings, read_settings
from diembao.state import AlertRecord, Revision, State
from index import open_engine
from web.app import create_app

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=VIETNAM).astimezone(UTC)
"""Where the clock of these tests stands: a Friday afternoon in Vietnam."""

DONG_THAP = Place(
    code="82", name="Tỉnh Đồng Tháp", level="province", province="Đồng Tháp", former=["Tỉnh Tiền Giang", "Tỉnh Đồng Tháp (cũ)"]
)
TIEN_GIANG = Place(code="82-cu", name="Tỉnh Tiền Giang", level="province", province="Đồng Tháp", valid_to=date(2025, 6, 30))
CAN_THO = Place(code="92", name="Thành phố Cần Thơ", level="province", province="Cần Thơ")

LANDSLIDE = "Sạt lở bờ sông Tiền nuốt thêm ba căn nhà trong đêm"
LANDSLIDE_BODY = (
    "Rạng sáng 19/11, một đoạn bờ sông Tiền dài gần 80 mét ở xã Bình Thành đổ sập xuống sông, kéo theo ba căn nhà.\n"
    "Người dân cho biết đã báo vết nứt từ tháng trước nhưng chưa ai đến kiểm tra. Đêm qua bà con phải tự dìu nhau chạy ra đường.\n"
    "Ủy ban nhân dân xã đã cho căng dây, di dời 12 hộ đến nhà văn hóa ấp và cấp gạo, nước uống.\n"
    "Tỉnh Đồng Tháp hiện có 84 điểm sạt lở, nhiều nhất từ trước đến nay."
)
LANDSLIDE_TONE = "Rạng sáng 19/11, một đoạn bờ sông Tiền dài gần 80 mét ở xã Bình Thành đổ sập xuống sông, kéo theo ba căn nhà."
LANDSLIDE_BLAME = "Người dân cho biết đã báo vết nứt từ tháng trước nhưng chưa ai đến kiểm tra."
LANDSLIDE_ID = "landslide"

HOSTILE_TITLE = '<script>window.hacked=1</script><img src=x onerror="window.hacked=1"> Tin lạ về bệnh viện'
HOSTILE_BODY = (
    '"><svg onload="window.hacked=1"> Bệnh viện &amp; phòng khám <b>đóng cửa</b> {{ 7*7 }} \u202eđảo chữ\n'
    '<iframe src="javascript:window.hacked=1"></iframe> Hết bài.'
)
HOSTILE_ID = "hostile"

_ORDINARY = (
    ("baodongthap", "Đồng Tháp khởi công cầu vượt nút giao Cao Lãnh", "traffic", "positive", DONG_THAP),
    ("baodongthap", "Nông dân Hồng Ngự trúng mùa cá tra, giá tăng trở lại", "agriculture", "positive", DONG_THAP),
    ("tienphong-mau", "Học sinh vùng biên đến trường trên con đường mới", "education", "positive", DONG_THAP),
    ("baodongthap", "Lễ hội hoa Sa Đéc mở cửa đón khách từ giữa tháng 12", "culture", "positive", DONG_THAP),
    ("congdongthap", "Thông báo lịch cúp điện để bảo trì đường dây trung thế", "trade", "neutral", DONG_THAP),
    ("congdongthap", "Họp báo định kỳ tháng 11 của Ủy ban nhân dân tỉnh", "politics", "neutral", DONG_THAP),
    ("tienphong-mau", "Giá lúa ở miền Tây giảm nhẹ, thương lái chờ vụ mới", "agriculture", "neutral", CAN_THO),
    ("tienphong-mau", "Cần Thơ mở thêm hai tuyến xe buýt điện", "traffic", "positive", CAN_THO),
    ("songtien", "Bãi rác Đập Đá quá tải, mùi hôi bủa vây khu dân cư", "environment", "negative", DONG_THAP),
    ("songtien", "Nước kênh đổi màu, cá chết trắng sau cơn mưa", "environment", "negative", DONG_THAP),
    ("songtien", "Khai thác cát ban đêm, dân mất ngủ vì tiếng máy", "environment", "negative", DONG_THAP),
    ("baodongthap", "Xử phạt cơ sở chế biến xả thải ra rạch Cái Sơn", "environment", "negative", DONG_THAP),
    ("tienphong-mau", "Tai nạn liên hoàn trên quốc lộ 30, ba người bị thương", "security", "negative", DONG_THAP),
    ("baodongthap", "Trạm y tế xã được trang bị máy siêu âm mới", "health", "positive", DONG_THAP),
    ("songtien", "Phụ huynh lo vì trường chậm sửa mái dột", "education", "negative", TIEN_GIANG),
    ("congdongthap", "Tuyển dụng viên chức sự nghiệp giáo dục năm 2026", "education", "neutral", DONG_THAP),
    ("tienphong-mau", "Doanh nghiệp trái cây tìm đường sang thị trường mới", "trade", "positive", TIEN_GIANG),
    ("baodongthap", "Công an bắt nhóm trộm vỏ lãi trên sông", "security", "neutral", DONG_THAP),
    ("songtien", "Hồ sơ đất đai trễ hẹn, người dân đi lại nhiều lần", "politics", "negative", DONG_THAP),
    ("baodongthap", "Đội bóng chuyền nữ tỉnh vào bán kết giải khu vực", "sport", "positive", DONG_THAP),
    ("congdongthap", "Triển khai chữ ký số cho cán bộ cấp xã", "digital", "neutral", DONG_THAP),
    ("tienphong-mau", "Mưa lớn kéo dài, nhiều tuyến đường Mỹ Tho ngập nửa bánh xe", "urban", "negative", TIEN_GIANG),
)  # fmt: skip


def articles() -> list[Article]:
    """Thirty articles of the twenty days before NOW, in the order in which they were seen."""
    found = [_ordinary(number, *entry) for number, entry in enumerate(_ORDINARY)]
    found += _landslide()
    found += [
        Article(
            id=HOSTILE_ID,
            url="javascript:window.hacked=1",
            source="songtien",
            title=HOSTILE_TITLE,
            lead='<a href="javascript:alert(1)" onclick="window.hacked=1">Bấm vào đây</a>',
            body=HOSTILE_BODY,
            authors=["<b>Ẩn danh</b>"],
            published_at=NOW - timedelta(days=3),
            first_seen_at=NOW - timedelta(days=3),
            credited_source=CreditedSource(name="<i>Nguồn</i>", url="javascript:window.hacked=1"),
            sentiment=Sentiment(label="negative", scores={"negative": 0.5, "neutral": 0.3, "positive": 0.2}, confident=False),
            topics=[TopicScore(code="health", score=0.7)],
        ),
        Article(
            id="disguised",
            url="https://chep-bai.example/tin/1",
            source="chepbai",
            title="Công dân hỏi, chính quyền trả lời trực tuyến",
            body="Bản đăng lại dùng chữ nhìn giống nhau để tránh bị phát hiện. " * 4,
            published_at=datetime(2026, 11, 17, tzinfo=VIETNAM),
            published_precision="day",
            first_seen_at=NOW - timedelta(days=2),
            obfuscated=True,
            sentiment=Sentiment(label="neutral", scores={"neutral": 0.8, "negative": 0.1, "positive": 0.1}),
            topics=[TopicScore(code="politics", score=0.61), TopicScore(code="digital", score=0.44)],
        ),
    ]
    return sorted(found, key=lambda article: (article.first_seen_at or NOW, article.id))


def _ordinary(number: int, source: str, title: str, topic: str, tone: str, place: Place) -> Article:
    published = NOW - timedelta(hours=7 + 21 * number)
    first = f"{title}, theo ghi nhận của phóng viên tại {place.name} trong tuần qua."
    scores = {label: 0.86 if label == tone else 0.07 for label in ("negative", "neutral", "positive")}
    return Article(
        url=f"https://{source}.example/{topic}/bai-{number}.html",
        source=source,
        kind="portal" if source == "congdongthap" else "newspaper",
        title=title,
        lead=first,
        body=f"{first}\nCác bên liên quan cho biết sẽ tiếp tục cập nhật. Bạn đọc có thể gửi ý kiến về tòa soạn.",
        authors=["Minh Tâm"] if number % 3 else [],
        section="Xã hội",
        published_at=published,
        fetched_at=published + timedelta(minutes=9),
        first_seen_at=published + timedelta(minutes=9),
        archive=ArchiveRecord(file=f"2026-11/{source}.warc.gz", offset=4096 * number),
        topics=[TopicScore(code=topic, score=0.91)],
        sentiment=Sentiment.model_validate({"label": tone, "scores": scores, "sentences": [first] if tone == "negative" else []}),
        critical_of=CriticalOf(label="authority", scores={"authority": 0.7, "none": 0.3})
        if topic == "politics" and tone == "negative"
        else None,
        places=[place],
    )


def _landslide() -> list[Article]:
    """One event: a report, two copies of it, and a second report of the same story."""
    published = NOW - timedelta(hours=26)
    tags = {
        "topics": [TopicScore(code="environment", score=0.94), TopicScore(code="urban", score=0.41)],
        "sentiment": Sentiment(label="negative", scores={"negative": 0.93, "neutral": 0.06, "positive": 0.01}, sentences=[LANDSLIDE_TONE]),
        "critical_of": CriticalOf(
            label="authority", scores={"authority": 0.66, "organisation": 0.04, "none": 0.3}, sentences=[LANDSLIDE_BLAME]
        ),
        "places": [DONG_THAP, TIEN_GIANG],
        "story_id": "story-landslide",
    }
    origin = Article(
        id=LANDSLIDE_ID,
        url="https://songtien.example/moi-truong/sat-lo.html",
        source="songtien",
        title=LANDSLIDE,
        lead="Ba căn nhà ở xã Bình Thành trôi xuống sông, 12 hộ phải di dời khẩn cấp.",
        body=LANDSLIDE_BODY,
        authors=["Lê Hoài An"],
        section="Môi trường",
        published_at=published,
        modified_at=published + timedelta(hours=3),
        fetched_at=published + timedelta(hours=4),
        first_seen_at=published + timedelta(minutes=6),
        revision=2,
        archive=ArchiveRecord(file="2026-11/songtien.warc.gz", offset=1_048_576),
        **tags,
    )
    copies = [
        origin.model_copy(
            update={
                "id": f"copy-{3 - number}",
                "url": f"https://{source}.example/tin/sat-lo-{number}",
                "source": source,
                "published_at": published + timedelta(hours=hours),
                "first_seen_at": published + timedelta(hours=hours),
                "copy_of": LANDSLIDE_ID,
                "similarity": similarity,
                "revision": 1,
                "credited_source": CreditedSource(name="Sông Tiền", url="https://songtien.example/"),
            }
        )
        for number, (source, hours, similarity) in enumerate((("chepbai", 2, 0.97), ("tienphong-mau", 14, 0.81)), start=1)
    ]
    follow_up = Article(
        id="landslide-later",
        url="https://baodongthap.example/sat-lo-ho-tro",
        source="baodongthap",
        title="Hỗ trợ khẩn cấp các hộ mất nhà do sạt lở ở Bình Thành",
        lead="Mỗi hộ được nhận 40 triệu đồng và bố trí nền tái định cư.",
        body="Tỉnh trích ngân sách dự phòng, hỗ trợ mỗi hộ mất nhà 40 triệu đồng. Nền tái định cư sẽ giao trong tháng 12.",
        published_at=NOW - timedelta(hours=2),
        first_seen_at=NOW - timedelta(hours=2),
        topics=[TopicScore(code="environment", score=0.72)],
        sentiment=Sentiment(label="neutral", scores={"neutral": 0.62, "positive": 0.3, "negative": 0.08}),
        places=[DONG_THAP],
        story_id="story-landslide",
    )
    return [origin, *copies, follow_up]


def alert() -> Alert:
    """An open alert on the landslide."""
    window_start = NOW - timedelta(days=10)
    days = [NOW - timedelta(days=number) for number in range(20, 0, -1)]
    return Alert(
        id="a1b2c3",
        rule="moi-truong-tieu-cuc",
        kind="negative_coverage",
        series="environment × Đồng Tháp",
        title="Tin tiêu cực về tài nguyên và môi trường ở Đồng Tháp tăng vọt",
        query="topic:environment AND sentiment:negative",
        window_start=window_start,
        window_end=NOW,
        evaluated_at=NOW,
        observed=5,
        expected=0.7,
        probability=0.00004,
        points=[SeriesPoint(start=day, observed=number % 2, expected=0.7, upper=3.0) for number, day in enumerate(days)],
        evidence=[
            Evidence(
                article_id=LANDSLIDE_ID,
                title=LANDSLIDE,
                url="https://songtien.example/moi-truong/sat-lo.html",
                source="songtien",
                published_at=NOW - timedelta(hours=26),
                sentences=[LANDSLIDE_TONE],
                copies=2,
                places=["Đồng Tháp"],
            )
        ],
        ends_when="Khi số bài tiêu cực trong 24 giờ trở lại dưới 3.",
    )


def fill_state(state: State) -> None:
    """Two revisions of the landslide article, the open alert and a closed one."""
    origin = next(article for article in articles() if article.id == LANDSLIDE_ID)
    opened = alert()
    closed = opened.model_copy(update={"id": "closed1", "state": "closed", "title": "Tin tiêu cực về giao thông tăng", "series": "traffic"})
    with state.session() as session:
        for number, title, hours in ((1, "Sạt lở bờ sông Tiền, hai căn nhà bị cuốn trôi", 26), (2, origin.title, 22)):
            session.add(
                Revision(
                    article_id=origin.id,
                    revision=number,
                    content_hash=origin.content_hash if number == 2 else "0" * 64,
                    fetched_at=NOW - timedelta(hours=hours),
                    title=title,
                    lead=origin.lead,
                    body=origin.body if number == 2 else origin.body.replace("ba căn nhà", "hai căn nhà"),
                    archive_file="2026-11/songtien.warc.gz",
                    archive_offset=1_048_576 if number == 2 else 524_288,
                )
            )
        for one in (opened, closed):
            session.add(
                AlertRecord(
                    id=one.id,
                    rule=one.rule,
                    series=one.series,
                    state=one.state,
                    started_at=one.window_start,
                    updated_at=NOW,
                    ended_at=None,
                    alert=one.model_dump(mode="json"),
                )
            )


SOURCES = {
    "baodongthap": "Báo Đồng Tháp (soạn)",
    "congdongthap": "Cổng thông tin Đồng Tháp (soạn)",
    "tienphong-mau": "Miền Tây Ngày Nay (soạn)",
    "songtien": "Sông Tiền (soạn)",
    "chepbai": "Chép Bài (soạn)",
}
"""Invented outlets: names by id."""


def office(folder: Path) -> Settings:
    """The settings of an invented office: the shipped taxonomy, the invented outlets, everything kept in `folder`."""
    config = folder / "config"
    (config / "sources").mkdir(parents=True)
    for name in ("taxonomy.toml", "abbreviations_search.toml"):
        if (PROJECT / "config" / name).exists():
            shutil.copy(PROJECT / "config" / name, config / name)
    (config / "office.toml").write_text('name = "Văn phòng UBND tỉnh Đồng Tháp"\nprovince = "Đồng Tháp"\n', encoding="utf-8")
    for source, name in SOURCES.items():
        text = f'name = "{name}"\ndomain = "{source}.example"\nenabled = false\n'
        (config / "sources" / f"{source}.toml").write_text(text, encoding="utf-8")
    return read_settings({"DIEMBAO_HOME": str(folder / "home"), "DIEMBAO_CONFIG": str(config)})


@contextmanager
def press(folder: Path) -> Iterator[tuple[FastAPI, SearchEngine, State]]:
    """The application over the real embedded engine with the composed articles, its clock at NOW."""
    settings = office(folder)
    engine = open_engine(settings)
    state = State(settings.database)
    try:
        engine.prepare()
        assert engine.upsert(articles()) == {}
        fill_state(state)
        yield create_app(settings, engine, state, lambda: NOW), engine, state
    finally:
        engine.close()
        state.close()
