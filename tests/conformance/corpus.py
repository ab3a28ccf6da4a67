"""Composed articles for the conformance suite: each one is there to be found, or not, by some query."""

# ruff: noqa: E501 - a table of articles
from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from diembao.article import Article


def _place(code: str, name: str, province: str, level: str = "province", former: Sequence[str] = ()) -> dict[str, Any]:
    return {"code": code, "name": name, "level": level, "province": province, "former": list(former)}


def _made(article_id: str, title: str, lead: str = "", body: str = "", **fields: Any) -> Article:
    given = {
        "id": article_id,
        "url": f"https://bao.example/{article_id}",
        "title": title,
        "lead": lead,
        "body": body,
        "first_seen_at": fields.get("published_at"),
        "fetched_at": fields.get("published_at"),
        **fields,
    }
    if "topics" in given:
        given["topics"] = [{"code": code, "score": 0.9} for code in given["topics"]]
    for name in ("sentiment", "critical_of"):
        if name in given:
            given[name] = {"label": given[name]}
    return Article.model_validate(given)


ARTICLES = [
    _made(
        "flood", "Lũ quét ở Lào Cai làm ba người chết", "Mưa lớn kéo dài gây lũ quét trong đêm.",
        "Công an xã đã đưa 120 hộ dân đến nơi an toàn.\nThiệt hại ước tính 1.500 tỉ đồng, tăng 2,5% so với năm ngoái.",
        source="baolaocai", topics=["environment"], sentiment="negative", published_at="2026-11-20T16:30:00Z",
        places=[_place("10", "Tỉnh Lào Cai", "Lào Cai")], authors=["Nguyễn Văn An", "Trần Bình"], section="Thời sự", tags=["lũ quét", "thiên tai"],
        story_id="story-flood",
    ),
    _made(
        "flood-copy", "Lũ quét ở Lào Cai làm ba người chết", "Mưa lớn kéo dài gây lũ quét trong đêm.",
        "Theo báo Lào Cai, công an xã đã đưa 120 hộ dân đến nơi an toàn.",
        source="tinnhanh", topics=["environment"], sentiment="negative", published_at="2026-11-20T18:00:00Z", copy_of="flood", similarity=0.9,
        places=[
            _place("15", "Tỉnh Lào Cai", "Lào Cai", former=["Tỉnh Lào Cai", "Tỉnh Yên Bái"]),
            _place("04375", "Xã Mậu A", "Lào Cai", "ward", former=["Xã Châu Quế, Huyện Văn Yên"]),
        ],
        story_id="story-flood",
    ),
    _made(
        "flood-copy2", "Lũ quét ở Lào Cai: ba người chết, nhiều nhà sập", "", "Mưa lớn kéo dài gây lũ quét trong đêm ở Lào Cai.",
        source="tin24", topics=["environment"], sentiment="neutral", published_at="2026-11-20T17:30:00Z", copy_of="flood", similarity=0.7,
        story_id="story-flood",
    ),
    _made(
        "hanoi", "Hà Nội mở rộng đường vành đai", "Thành phố Hà Nội khởi công đường mới.", "Quét dọn mặt bằng xong trước khi có lũ lớn.",
        source="vnx", topics=["traffic", "urban"], sentiment="positive", published_at="2026-11-18T03:00:00Z",
        places=[_place("01", "Thành phố Hà Nội", "Hà Nội")], kind="newspaper", page_kind="live", authors=["Lê Thị Hoa"],
    ),
    _made(
        "hanoi-plain", "Ha Noi mo rong duong vanh dai", "", "Bai viet khong dau.", source="forum1", kind="forum",
        published_at="2026-11-18T17:00:00Z",
    ),
    _made(
        "danang", "Đà Nẵng đón khách quốc tế", "Du lịch tăng mạnh.", "Sân bay Đà Nẵng đón 2.000 khách.", source="vnx", topics=["trade"],
        sentiment="positive", page_kind="gallery", published_at="2026-11-17T17:00:00Z", places=[_place("48", "Thành phố Đà Nẵng", "Đà Nẵng")],
    ),
    _made(
        "danang-noi", "Nội các mới của Nhật họp", "", "Ông Hà nói về Đà Nẵng và Nẵng.", source="vnx", topics=["world"],
        published_at="2026-11-16T02:00:00Z",
    ),
    _made(
        "hoabinh-old", "Thuỷ điện Hoà Bình xả lũ", "", "Hồ thuỷ điện xả nước.", source="baohoabinh", topics=["environment"],
        published_at="2026-11-15T02:00:00Z", sentiment="neutral", places=[_place("17", "Tỉnh Hoà Bình", "Phú Thọ")],
    ),
    _made(
        "hoabinh-new", "Thủy điện Hòa Bình ngừng xả", "", "Đập hòa nhịp cùng thiên nhiên.", source="baohoabinh", topics=["environment"],
        published_at="2026-11-14T17:00:00Z", sentiment="neutral", places=[_place("17", "Tỉnh Hoà Bình", "Phú Thọ")],
    ),
    _made(
        "nfd", unicodedata.normalize("NFD", "Bệnh sốt xuất huyết tăng ở Cần Thơ"), "", unicodedata.normalize("NFD", "Bệnh viện quá tải."),
        source="baocantho", topics=["health"], sentiment="negative", critical_of="authority", published_at="2026-11-13T02:00:00Z",
        places=[_place("92", "Thành phố Cần Thơ", "Cần Thơ")],
    ),
    _made(
        "hcm", "TP.HCM lập 3 tổ liên ngành", "UBND TP.HCM giao Công an thành phố chủ trì.", "Email: lienhe@tphcm.example, số 24/7.",
        source="tuoitre", topics=["politics"], published_at="2026-11-12T02:00:00Z",
        places=[_place("79", "Thành phố Hồ Chí Minh", "Hồ Chí Minh")],
    ),
    _made(
        "hcm-long", "Thành phố Hồ Chí Minh chống ngập", "", "Uỷ ban nhân dân thành phố họp khẩn với công an.", source="tuoitre",
        topics=["urban"], sentiment="negative", critical_of="authority", published_at="2026-11-11T02:00:00Z",
        places=[_place("79", "Thành phố Hồ Chí Minh", "Hồ Chí Minh")],
    ),
    _made(
        "hdnd", "HĐND tỉnh Đồng Tháp họp", "", "Hội đồng nhân dân tỉnh thông qua 12 nghị quyết.", source="baodongthap",
        topics=["politics"], published_at="2026-11-10T02:00:00Z", places=[_place("87", "Tỉnh Đồng Tháp", "Đồng Tháp")],
    ),
    _made(
        "tiengiang", "Tiền Giang cũ đổi thay", "", "Xã Tân Hội vào mùa.", source="baodongthap", topics=["agriculture"],
        published_at="2026-11-09T02:00:00Z", sentiment="positive",
        places=[_place("82", "Tỉnh Tiền Giang", "Đồng Tháp"), _place("28300", "Xã Tân Hội", "Đồng Tháp", "ward")],
    ),
    _made(
        "ca", "Giá cá tra tăng", "Người nuôi cả xã phấn khởi.", "Cà phê thì giảm. Một ca cấp cứu.", source="baocantho", kind="portal",
        topics=["agriculture", "trade"], sentiment="positive", published_at="2026-11-08T02:00:00Z",
    ),
    _made(
        "covid", "COVID-19 và cúm A/H5N1", "", "Ca COVID-19 mới; COVID 19 không còn đáng lo. Covid kéo dài 19 tuần.", source="skds",
        topics=["health"], published_at="2026-11-07T02:00:00Z",
    ),
    _made(
        "covid-apart", "Covid còn 19 ca", "", "Số ca 1500 năm nay.", source="skds", topics=["health"], published_at="2026-11-06T02:00:00Z",
    ),
    _made(
        "slop", "Sạt lở đất", "", "một hai ba bốn năm sáu bảy tám chín mười", source="test", published_at="2026-11-05T02:00:00Z",
    ),
    _made(
        "duong", "Đường sắt, dưỡng lão, dương liễu", "", "Duong la chu khong dau.", source="test", published_at="2026-11-04T02:00:00Z",
    ),
    _made(
        "di", "Di dời hộ dân", "", "Họ phải đi xa.", source="test", published_at="2026-11-03T02:00:00Z",
    ),
    _made(
        "undated", "Tin không ngày", "", "Bài không rõ ngày đăng.", source="test", kind="social",
    ),
    _made(
        "absurd", "Tin năm 1970", "", "Ngày đăng sai.", source="test", published_at="1970-01-01T00:00:00Z",
    ),
    _made(
        "feedback", "Phản ánh: rác thải trên đường Nguyễn Huệ", "", "Đường Nguyễn Huệ rác thải chất đống, mùi hôi. Đề nghị xử lý.",
        source="hotline", kind="feedback", topics=["environment"], sentiment="negative", critical_of="authority",
        published_at="2026-11-19T16:59:59Z",
    ),
    _made(
        "orphan-copy", "Bài đăng lại không còn gốc", "", "Nguồn đã bị gỡ.", source="tinnhanh", copy_of="gone", published_at="2026-11-02T02:00:00Z",
    ),
    _made(
        "orphan-copy2", "Bài đăng lại không còn gốc (2)", "", "Nguồn đã bị gỡ.", source="tin24", copy_of="gone", published_at="2026-11-02T03:00:00Z",
    ),
    _made(
        "foreign", "São Paulo và 北京 vào mùa mưa", "", "Москва lạnh. Café, naïve, l'Oréal.", source="vnx", topics=["world"],
        published_at="2026-11-01T02:00:00Z",
    ),
    _made(
        "midnight", "Đúng nửa đêm", "", "Đăng lúc không giờ.", source="test", published_at="2026-11-19T17:00:00Z",
    ),
]  # fmt: skip
