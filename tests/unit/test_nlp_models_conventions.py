"""Negation and conventions of news: headlines that were written for this test, in other words than the written ones that were learnt from.

They were labelled under `docs/models/guide.md` by their writer before any model read them; nothing was fitted to them.
"""

from __future__ import annotations

from nlp.models.labels import own_headlines
from nlp.models.ngrams import words
from nlp.models.reading import read

GOOD = [
    "Cả nước sạch bóng Covid-19 trong ngày đầu năm",
    "Sáng nay, Lạng Sơn không có thêm bệnh nhân nào",
    "Huế: ba tuần qua chưa phát hiện người nhiễm mới",
    "Vĩnh Long khống chế thành công dịch cúm gia cầm, không còn gà chết",
    "Tiền Giang không còn bệnh nhân Covid-19 điều trị tại bệnh viện dã chiến",
    "Kỳ nghỉ Tết Dương lịch: Cần Thơ không có vụ tai nạn nào",
    "Trẻ vùng cao không còn thiếu áo ấm mùa đông",
    "Ngư dân gặp nạn được đưa vào bờ an toàn",
    "Người dân xóm núi hết cảnh lội suối nhờ cây cầu mới",
    "Bệnh viện tỉnh ghép thận thành công ca thứ 50",
    "Chàng trai khuyết tật vượt khó mở lớp học miễn phí",
    "Lúa trúng mùa được giá, nông dân Sóc Trăng phấn khởi",
]
BAD = [
    "Ca nhiễm mới chưa có dấu hiệu giảm",
    "Ba phu vàng không qua khỏi sau vụ sập hầm",
    "Không có máy thở, bệnh viện huyện quá tải",
    "Lũ về, hàng nghìn hộ không điện, không nước",
    "Chưa cứu được tàu cá chìm, năm người vẫn mất tích",
    "Thanh long rớt giá thê thảm, nhà vườn bỏ không thu hoạch",
    "Khởi tố vụ án buôn lậu 3 tấn pháo nổ",
    "Sạt lở nghiêm trọng, quốc lộ 6 bị chia cắt",
    "Nam thanh niên tử vong sau va chạm với xe ben",
    "Học sinh nhập viện hàng loạt sau bữa ăn bán trú",
    "Không lương ba tháng, công nhân may đình công",
    "Xe khách mất phanh lao xuống vực, 5 người chết",
]
OF_AUTHORITIES = [
    "Kỷ luật trưởng phòng tài nguyên vì cấp sai sổ đỏ",
    "Cảnh cáo bí thư đảng ủy xã buông lỏng quản lý đất đai",
    "Bắt tạm giam nguyên chủ tịch huyện do sai phạm đấu thầu",
    "Đường trăm tỷ vừa làm xong đã hỏng, sở giao thông nói gì?",
    "Dân phản ánh xã thu nhiều khoản trái quy định",
    "Điều tra trưởng công an xã đánh người",
    "Hiệu trưởng lạm thu, phụ huynh kêu trời",
]
OF_NOBODY = [
    "Bổ nhiệm trưởng phòng tài nguyên và môi trường huyện",
    "Chủ tịch tỉnh kiểm tra công tác phòng chống bão",
    "Phó chủ tịch xã trao quà cho hộ nghèo",
    "Động đất ở Kon Tum, không có thiệt hại",
    "Mưa đá làm tốc mái nhiều nhà dân ở Sơn La",
    "Công an xã hỗ trợ người già làm căn cước",
]
NAMED = {
    "Hà Nội không còn ca mắc mới": "positive",
    "Hà Nội không còn ca mắc Covid-19 mới": "positive",
    "Không còn ca tử vong vì Covid-19 trong ngày": "positive",
    "Khởi tố 3 cán bộ": "negative",
    "Tai nạn khiến 2 người tử vong": "negative",
    "Sạt lở bờ sông, 5 căn nhà bị cuốn trôi": "negative",
    "Ba người tử vong, 20 ca mắc mới tại một ổ dịch": "negative",
}
"""The conventions in the words that staff name them by; headlines like them were learnt from, so this measures nothing."""


def test_none_of_them_was_learnt_from() -> None:
    learnt = {" ".join(words(item.title)) for item in own_headlines()}
    assert not learnt & {" ".join(words(title)) for title in (*GOOD, *BAD, *OF_AUTHORITIES, *OF_NOBODY)}


def test_five_of_six_are_told_right_good_news_in_words_of_harm_among_them() -> None:
    wrong = [title for title in GOOD if _sentiment(title) == "negative"] + [title for title in BAD if _sentiment(title) != "negative"]
    assert len(wrong) <= (len(GOOD) + len(BAD)) // 6, wrong


def test_most_criticism_of_authorities_is_told_from_their_ordinary_work() -> None:
    wrong = [title for title in OF_AUTHORITIES if _critical_of(title) != "authority"]
    wrong += [title for title in OF_NOBODY if _critical_of(title) == "authority"]
    assert len(wrong) <= 2, wrong


def test_the_conventions_hold_in_the_words_they_are_named_by() -> None:
    assert {title: _sentiment(title) for title in NAMED} == NAMED


def test_a_headline_that_is_critical_in_its_last_words_only() -> None:
    """A known failure of an earlier model; some of the written headlines that are learnt from are like it, so it measures nothing."""
    assert _critical_of("Cách chức phó chủ tịch xã vì ăn chặn tiền hỗ trợ của dân nghèo") == "authority"


def _sentiment(title: str) -> str:
    return read(title, "", [title]).sentiment.label


def _critical_of(title: str) -> str:
    return read(title, "", [title]).critical_of.label
