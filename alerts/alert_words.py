"""The words of messages about alerts, in Vietnamese and English. What the press wrote stays as it is."""

from __future__ import annotations

from typing import Literal

Language = Literal["vi", "en"]

_WORDS: dict[str, tuple[str, str]] = {
    "cause.new": ("Cảnh báo", "Alert"),
    "cause.escalated": ("Chưa ai trả lời cảnh báo", "Nobody answered this alert"),
    "cause.grown": ("Cảnh báo tăng", "Alert that grows"),
    "cause.ended": ("Đã hết cảnh báo", "Alert is over"),
    "happened.new": ("{unit} tăng vọt", "many more {unit} than usual"),
    "happened.escalated": ("{unit} tăng vọt", "many more {unit} than usual"),
    "happened.grown": ("{unit} còn tăng nữa", "still more {unit}"),
    "happened.ended": ("{unit} đã trở lại bình thường", "{unit} as usual again"),
    "subject": ("{prefix}: {name} – {observed} {unit} trong {hours} giờ (bình thường {expected})",
                "{prefix}: {name} – {observed} {unit} in {hours} h (usually {expected})"),
    "counted": ("Đếm từ {start} đến {end}.", "Counted from {start} to {end} (Vietnam)."),
    "chance": ("Khả năng ngẫu nhiên có một đợt như vậy: {rarity}.", "By chance such a time comes {rarity}."),
    "numbers": ("{observed} {unit} trong {hours} giờ, bình thường {expected}.", "{observed} {unit} in {hours} h, usually {expected}."),
    "department": ("Đơn vị phụ trách: {name}", "Responsible: {name}"),
    "rule": ("Quy tắc {name}", "Rule {name}"),
    "stories": ("{n} sự việc dẫn đến cảnh báo", "{n} stories behind the alert"),
    "one_story": ("Sự việc dẫn đến cảnh báo", "The story behind the alert"),
    "more": ("và {n} sự việc khác.", "and {n} more stories."),
    "when_over": ("Khi nào cảnh báo kết thúc?", "When is the alert over?"),
    "why_over": ("Vì sao cảnh báo kết thúc?", "Why is the alert over?"),
    "foot": ("{office} nhận thư này theo quy tắc “{rule}” (config/alerts).",
             "{office} gets this mail by the rule “{rule}” (config/alerts)."),
    "foot_group": ("{office} nhận thư này theo các quy tắc trong config/alerts.", "{office} gets this mail by the rules in config/alerts."),
    "days": ("{n} ngày", "{n} days"),
    "hours": ("{n} giờ", "{n} hours"),
    "lead": ("Việc chính: “{title}” ({told}{first}).", "Mainly: “{title}” ({told}{first})."),
    "lead_told": ("{n} báo đưa, đầu tiên là ", "{n} outlets, the first of them "),
    "no_source": ("không rõ nguồn", "source unknown"),
    "first": ("Đăng đầu tiên: {first}{when}", "First published by {first}{when}"),
    "others": ("thêm {n} báo: {names}{dots}", "{n} more outlets: {names}{dots}"),
    "copies": ("{n} bài, kể cả bài đăng lại", "{n} articles with the reprints"),
    "no_title": ("(không có tiêu đề)", "(no headline)"),
    "places": ("Địa bàn: {names}", "Places: {names}"),
    "unit": ("tin tiêu cực", "negative articles"),
    "usual": ("là mức bình thường", "is usual"),
    "same_time": ("cùng khoảng thời gian", "in the same time"),
    "in_hours": ("trong {n} giờ", "in {n} hours"),
    "legend": ("Mỗi cột là {column}; đỏ: đợt này; nền xám: mức bình thường; nét đứt: trung bình.",
               "Each column is {column}; red: now; grey: usual; dashed: mean."),
    "chart": ("Biểu đồ {days} ngày: trước đợt này nhiều nhất {highest} {unit} trong một khoảng, "
              "đợt này {observed}, mức bình thường {expected}.",
              "Chart of {days} days: before this at most {highest} {unit} in one column, now {observed}, usually {expected}."),
    "see": ("Xem các tin này", "See the articles"),
    "details": ("Chi tiết cảnh báo", "The alert"),
    "detail": ("Chi tiết", "Details"),
    "taken": ("Tôi xử lý", "I take it on"),
    "useful": ("Hữu ích", "Useful"),
    "noise": ("Thừa", "Noise"),
    "mute": ("Tạm tắt", "Mute"),
    "answer": ("Nhận xử lý, hữu ích hay thừa, tạm tắt", "Take it on, useful or noise, mute"),
    "answer_short": ("Nhận xử lý, hữu ích hay thừa?", "Take it on, useful or noise?"),
    "usually": ("bình thường", "usually"),
    "usual_level": ("mức bình thường", "usually"),
    "alerts": ("{n} cảnh báo", "{n} alerts"),
    "more_alerts": ("và {n} cảnh báo khác", "and {n} more alerts"),
    "look": ("Xem", "See"),
    "reply": ("Trả lời", "Answer"),
    "over": ("{n} đã hết", "{n} over"),
    "next": ("Nếu {minutes} phút nữa chưa ai trả lời, cảnh báo được chuyển cho người tiếp theo.",
             "If nobody answers within {minutes} minutes, the alert goes to the next one."),
}  # fmt: skip


class AlertLabels:
    """The words in one language: `t("copies", n=3)`, and in templates `t.see`."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key` with `values` filled in; plain text, to be escaped by who shows it.

        >>> AlertLabels("en")("alerts", n=3)
        '3 alerts'
        """
        return _WORDS[key][int(self.language == "en")].format(**values)

    def __getattr__(self, key: str) -> str:
        """The text of `key`, which needs no values."""
        if key not in _WORDS:
            raise AttributeError(key)
        return self(key)
