"""The words of the reports, in Vietnamese and English."""

from __future__ import annotations

from datetime import date

from alerts.briefing.words import Labels, Language
from alerts.briefing.words import say as say_briefing
from alerts.report.period import Period

_WORDS: dict[str, tuple[str, str]] = {
    "title.weekly": ("Báo cáo tuần {first} – {last}", "Weekly report {first} – {last}"),
    "title.monthly": ("Báo cáo tháng {month}", "Monthly report {month}"),
    "running": ("Kỳ này chưa hết: số liệu đến {until}.", "The period is not over: figures up to {until}."),
    "summary": (
        "{stories} sự việc trong {total} bài, {share} tiêu cực (các kỳ trước {usual}). {critical} sự việc phê phán cơ quan nhà nước{here}. "
        "Đã trả lời {answered} sự việc{speed}; {open} việc đã giao còn chờ trả lời.",
        "{stories} stories in {total} articles, {share} negative ({usual} in the periods before). {critical} stories critical of an "
        "authority{here}. {answered} stories answered{speed}; {open} that were assigned still wait for an answer.",
    ),
    "here": (" trong tỉnh", " in the province"),
    "speed": (", thường trong {hours} giờ", ", typically within {hours} hours"),
    "none_before": ("chưa có để so", "none to compare"),
    "fields": ("Tin bài và tỷ lệ tiêu cực theo lĩnh vực", "Coverage and negative share by field"),
    "field": ("Lĩnh vực", "Field"),
    "total": ("Bài", "Articles"),
    "usual": ("Bài, TB kỳ trước", "Articles, mean before"),
    "share": ("Tiêu cực", "Negative"),
    "usual_share": ("Tiêu cực, các kỳ trước", "Negative before"),
    "verdict": ("So với trước", "Compared"),
    "verdict.higher": ("cao hơn hẳn", "clearly higher"),
    "verdict.lower": ("thấp hơn hẳn", "clearly lower"),
    "verdict.usual": ("như thường", "as usual"),
    "verdict.unknown": ("chưa đủ số liệu", "too little to compare"),
    "all": ("Tất cả", "All"),
    "verdict_help": (
        "“Hẳn” là ngoài khoảng của mọi kỳ trước và vượt mức mà ngẫu nhiên giải thích được (khoảng 1 trong 100 kỳ).",
        "“Clearly” means outside the range of all periods before, and beyond what chance explains (about 1 period in 100).",
    ),
    "days": ("Tin bài từng ngày", "Coverage by day"),
    "biggest": ("Sự việc được đưa nhiều nhất", "The most covered stories"),
    "critical": ("Tin phê phán cơ quan nhà nước", "Coverage critical of an authority"),
    "critical_here": ("Tin phê phán cơ quan nhà nước trong tỉnh", "Coverage critical of an authority in the province"),
    "story": ("Sự việc", "Story"),
    "outlets": ("Báo", "Outlets"),
    "outlet": ("Báo", "Outlet"),
    "first": ("Đăng đầu tiên", "First published"),
    "who": ("Các báo đưa tin nhiều nhất", "The outlets with the most articles"),
    "alerts": ("Cảnh báo", "Alerts"),
    "rule": ("Quy tắc", "Rule"),
    "begun": ("Cảnh báo", "Alerts"),
    "useful": ("Hữu ích", "Useful"),
    "noise": ("Thừa", "Noise"),
    "precision": ("Tỷ lệ hữu ích", "Precision"),
    "no_alerts": ("Không có cảnh báo nào.", "There was no alert."),
    "responses": ("Đã giao và trả lời", "Assigned and answered"),
    "department": ("Đơn vị", "Department"),
    "briefed": ("Đã nêu", "In briefings"),
    "answered": ("Đã trả lời", "Answered"),
    "open": ("Đang chờ", "Waiting"),
    "hours": ("Số giờ (trung vị)", "Hours (median)"),
    "nobody": ("(chưa có đơn vị)", "(no department)"),
    "no_responses": ("Chưa có sự việc nào trong điểm báo của kỳ này.", "No story was in a briefing of this period."),
    "waiting": ("Đã giao, chưa trả lời", "Assigned, not answered"),
    "since": ("Giao từ", "Since"),
    "briefings": ("{n}/{days} điểm báo đã gửi.", "{n} of {days} briefings were sent."),
    "gaps": ("Có thể còn thiếu", "What we may have missed"),
    "missing": ("{n} giờ trong kỳ không thu thập được tin nào.", "Nothing was collected in {n} hours of the period."),
    "nothing": ("Không có bài nào trong kỳ này.", "There was no article in this period."),
    "none": ("Không có.", "None."),
    "chart.days": (
        "Biểu đồ cột: số bài mỗi ngày từ {first} đến {last}, nhiều nhất {most} bài ngày {peak}; phần tiêu cực tô đỏ, nhiều nhất {bad} bài "
        "ngày {bad_day}.{gap}",
        "Bar chart: articles a day from {first} to {last}, at most {most} on {peak}; the negative part is red, at most {bad} on "
        "{bad_day}.{gap}",
    ),
    "chart.days.gap": (" Ngày gạch chéo: có giờ không thu thập được tin.", " Hatched days: hours without collecting."),
    "chart.days.title": ("Số bài mỗi ngày", "Articles a day"),
    "chart.negative": ("tiêu cực", "negative"),
    "chart.other": ("khác", "other"),
    "chart.gap": ("thiếu giờ thu thập", "hours not collected"),
    "chart.shares": (
        "Biểu đồ tỷ lệ tiêu cực theo lĩnh vực, chấm là kỳ này, thanh là khoảng của các kỳ trước: {shares}.",
        "Chart of the negative share by field, the dot is this period, the bar the range of the periods before: {shares}.",
    ),
    "chart.shares.title": ("Tỷ lệ bài tiêu cực", "Share of negative articles"),
    "chart.now": ("kỳ này", "this period"),
    "chart.before": ("các kỳ trước", "periods before"),
}


class ReportLabels(Labels):
    """The labels of a report in one language, and those of briefings."""

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key`."""
        if key in _WORDS:
            return _WORDS[key][int(self.language == "en")].format(**values)
        return say_briefing(key, self.language, **values)

    def __getattr__(self, key: str) -> str:
        """The text of `key`, which needs no values."""
        if key in _WORDS:
            return _WORDS[key][int(self.language == "en")]
        return super().__getattr__(key)

    def number(self, value: float, digits: int = 0) -> str:
        """`value` with the language's separators."""
        text = f"{value:,.{digits}f}"
        return text if self.language == "en" else text.translate(str.maketrans(",.", ".,"))

    def percent(self, share: float | None) -> str:
        """A share in whole per cent; "–" when there is none."""
        return "–" if share is None else f"{self.number(100 * share, 1 if 0 < share < 0.01 else 0)} %"


def title_of(period: Period, language: Language) -> str:
    """'Báo cáo tuần 16/11 – 22/11/2026'."""
    t = ReportLabels(language)
    last = date.fromordinal(period.after.toordinal() - 1)
    if period.kind == "weekly":
        return t("title.weekly", first=f"{period.first:%d/%m}", last=f"{last:%d/%m/%Y}")
    return t("title.monthly", month=f"{period.first:%m/%Y}")
