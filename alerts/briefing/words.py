"""The labels of briefings and reports, in Vietnamese and English. What the press wrote stays as it is."""

from __future__ import annotations

from typing import Literal

Language = Literal["vi", "en"]
Status = Literal["new", "assigned", "answered", "not_needed"]
STATUSES: tuple[Status, ...] = ("new", "assigned", "answered", "not_needed")

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("Điểm báo ngày {day}", "Press briefing of {day}"),
    "summary": (
        "Từ {start} đến {end}: {stories} sự việc trong {articles} bài, {negative} sự việc tiêu cực, "
        "{critical} sự việc phê phán cơ quan nhà nước.",
        "From {start} to {end}: {stories} stories in {articles} articles, {negative} of them negative, "
        "{critical} critical of an authority.",
    ),
    "subject": ("{title}: {stories} sự việc, {negative} tiêu cực", "{title}: {stories} stories, {negative} negative"),
    "alerts": ("Đang có cảnh báo", "Open alerts"),
    "gaps": ("Có thể còn thiếu", "What we may have missed"),
    "no_gaps": ("Không thấy nguồn nào im lặng hay hỏng.", "No source is seen to be silent or broken."),
    "late": (
        "{n} sự việc đến sau khi đã biên tập, chưa đưa vào: {titles}.",
        "Came after the briefing was edited and are not in it ({n}): {titles}.",
    ),
    "department": ("Đơn vị phụ trách", "Responsible"),
    "other": ("Lĩnh vực khác", "Other fields"),
    "more": ("và {n} sự việc khác.", "and {n} more."),
    "nothing": ("Không có bài nào trong khoảng thời gian này.", "There was no article in this time."),
    "nothing_chosen": ("Không có sự việc nào được chọn.", "No story was chosen."),
    "articles": ("{n} bài", "{n} articles"),
    "article": ("1 bài", "1 article"),
    "before": ("đã nêu {day}", "in the briefing of {day}"),
    "status": ("Tình trạng xử lý", "Response"),
    "status.new": ("Chưa giao", "Not assigned"),
    "status.assigned": ("Đã giao", "Assigned"),
    "status.answered": ("Đã trả lời", "Answered"),
    "status.not_needed": ("Không cần trả lời", "No answer needed"),
    "answer": ("Văn bản trả lời", "Answer"),
    "note": ("Ghi chú", "Note"),
    "tone.negative": ("Tiêu cực", "Negative"),
    "tone.neutral": ("Trung tính", "Neutral"),
    "tone.positive": ("Tích cực", "Positive"),
    "critical.authority": ("phê phán cơ quan nhà nước", "critical of an authority"),
    "critical.organisation": ("phê phán tổ chức, doanh nghiệp", "critical of an organisation"),
    "no_title": ("(không có tiêu đề)", "(no headline)"),
    "field": ("Lĩnh vực", "Field"),
    "headline": ("Tiêu đề", "Headline"),
    "text": ("Tóm tắt", "Summary"),
    "first": ("Đăng đầu tiên", "First published by"),
    "outlets": ("Các báo", "Outlets"),
    "time": ("Thời gian", "Time"),
    "tone": ("Sắc thái", "Tone"),
    "critical": ("Phê phán", "Critical of"),
    "count": ("Số bài", "Articles"),
    "places": ("Địa bàn", "Places"),
    "importance": ("Mức quan trọng", "Importance"),
    "address": ("Địa chỉ", "Address"),
    "edit": ("Mở trang điểm báo", "Open the briefing's page"),
    "foot": (
        "Thư này gửi cho người có tên trong config/office.toml của {office}.",
        "You get this mail because config/office.toml of {office} names you.",
    ),
    "why.authority": ("phê phán cơ quan nhà nước", "critical of an authority"),
    "why.organisation": ("phê phán tổ chức", "critical of an organisation"),
    "why.negative": ("tiêu cực", "negative"),
    "why.here": ("trong tỉnh", "in the province"),
    "why.outlets": ("{n} báo", "{n} outlets"),
    "why.alert": ("trong cảnh báo đang mở", "part of an open alert"),
    "why.open": ("đã giao, chưa trả lời", "assigned, not answered yet"),
}


def say(key: str, language: Language = "vi", **values: object) -> str:
    """The text of `key` with `values` filled in; plain text, to be escaped by who shows it.

    >>> say("articles", "en", n=3)
    '3 articles'
    """
    return _WORDS[key][int(language == "en")].format(**values)


class Labels:
    """The labels in one language, for templates: `t("department")`, or `t.department`."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key`."""
        return say(key, self.language, **values)

    def __getattr__(self, key: str) -> str:
        """The text of `key`, which needs no values."""
        if key not in _WORDS:
            raise AttributeError(key)
        return say(key, self.language)
