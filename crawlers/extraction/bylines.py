"""Who wrote it, and where it was taken from: the lines "Quang Phong - Tùng Nguyên", "Theo Sầm Hoa (Vietnamnet/Reuters)"."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from crawlers.extraction.page import fold


def _names_in(text: str) -> frozenset[str]:
    return frozenset(text.split("|"))


_SURNAMES = _names_in(
    "nguyễn|trần|lê|phạm|hoàng|huỳnh|phan|vũ|võ|đặng|bùi|đỗ|hồ|ngô|dương|lý|đào|đoàn|trịnh|đinh|mai|lâm|tô|trương|hà|tạ|cao|tăng|"
    "thái|chu|châu|lưu|lương|quách|kiều|phùng|vương|triệu|thạch|sầm|la|tống|nghiêm|hứa|từ|cù|đồng|ngọc|thanh|minh|hải|thu|hương|"
    "lan|linh|hạnh|hồng|hùng|tuấn|quang|quốc|đức|văn|thùy|thuỳ|bảo|gia|khánh|kim|xuân|nhật|nam|tiến|trung|trọng|anh|bích|diệu|duy|"
    "đan|đình|hiền|hoài|hữu|khải|lam|long|mỹ|nhã|nhung|như|phúc|phương|quỳnh|song|tâm|thảo|thế|thiên|thịnh|trang|tú|uyên|việt|vân|"
    "vi|yến|an|bình|chí|công|cẩm"
)
"""First syllables of Vietnamese names: the common surnames, and the given names that bylines begin with."""

_PLACES = _names_in(
    "hà nội|hà giang|hà nam|hà tĩnh|hải dương|hải phòng|hưng yên|thanh hóa|thanh hoá|nam định|an giang|bình dương|bình định|bình phước|"
    "bình thuận|long an|lâm đồng|cao bằng|phú yên|phú thọ|kiên giang|khánh hòa|khánh hoà|vĩnh long|vĩnh phúc|lai châu|lào cai|hồ chí minh|"
    "thái bình|thái nguyên|đồng nai|đồng tháp|quảng nam|tiền giang|trà vinh|tây ninh|bảo lộc|hải châu|thanh xuân|long biên|hồng kông|"
    "hồng ngự|tân bình|bình tân|việt nam|trung quốc|nam phi|an ninh|an toàn|thanh niên|văn hóa|văn hoá|quốc tế|quốc phòng|kim cương|bảo vệ"
)
"""Places and sections whose first syllable begins names too."""

OUTLETS = _names_in(
    "vnexpress|ione|ngôi sao|dân trí|tuổi trẻ|tuổi trẻ online|thanh niên|thanh niên online|tiền phong|lao động|người lao động|nld|"
    "nlđ|vietnamnet|vietnam net|vnn|infonet|zing|zing news|znews|24h|vtc|vtc news|vtv|vov|vov news|ttxvn|vietnam+|vietnamplus|"
    "xinhua|tân hoa xã|reuters|afp|ap|bbc|cnn|bloomberg|forbes|the guardian|telegraph|daily mail|dailymail|the sun|mirror|tass|"
    "ria|rt|yonhap|kyodo|sputnik|ktđt|kinh tế đô thị|hà nội mới|hnm|an ninh thủ đô|antđ|cand|công an nhân dân|ca tp.hcm|"
    "công an tp.hcm|sggp|sài gòn giải phóng|sgtt|sài gòn tiếp thị|pháp luật|pháp luật tp.hcm|pltp|plvn|pháp luật việt nam|"
    "đời sống & pháp luật|đời sống pháp luật|đspl|nđt|người đưa tin|gdvn|giáo dục việt nam|giáo dục và thời đại|gd&tđ|bđvn|"
    "bưu điện việt nam|bee|bee.net.vn|phunutoday|eva|afamily|kênh 14|kenh14|trí thức trẻ|tri thức trẻ|ttvn|cafef|cafebiz|genk|"
    "soha|gamek|autopro|tinhte|tinhte.vn|ictnews|ict news|xã luận|petrotimes|năng lượng mới|vef|vneconomy|đất việt|baodatviet|"
    "khám phá|nhân dân|qđnd|quân đội nhân dân|chính phủ|báo chính phủ|vgp|vgp news|tin tức|báo tin tức|gia đình|gia đình & xã hội|"
    "gia đình xã hội|giadinh.net|mask online|mask|bưu điện|saostar|yan|yan news|nguoiduatin|doanh nhân|đầu tư|báo đầu tư|tổ quốc|"
    "văn hóa|vietq|vnmedia|vn media|thể thao & văn hóa|thể thao văn hóa|tt&vh|bongda|bóng đá|bóng đá+|bongdaplus|goal|marca|espn|"
    "sky sports|the thao|thể thao|enternews|mẹ & con|sức khỏe & đời sống|sức khỏe đời sống|skđs|phụ nữ|phụ nữ online|pnvn|ihay|"
    "xzone|2sao|ngoisao|giải trí|wikipedia|facebook|youtube|internet|tổng hợp|sưu tầm|bạn đọc|hoa học trò|mực tím|theguardian|wsj|"
    "washington post|new york times|nytimes|mashable|techcrunch|cnet|the verge|engadget|pcworld|người đô thị|vietnam news|vnews|"
    "báo giấy|tp|tto|tno|vne|vnp|nongnghiep|nông nghiệp việt nam|dân việt|danviet|kiến thức|sài gòn đầu tư|vnreview|quantrimang|"
    "techz|vietbao|việt báo|petro times|thông tấn xã việt nam|thời báo kinh tế sài gòn|tbktsg"
)
"""Names of outlets and agencies in lower case, as credits print them; they are no authors."""

_ROLE = (
    r"(?:phóng viên|biên tập viên|biên tập|btv|ctv|cộng tác viên|tác giả bài viết|tác giả|bài viết|thực hiện|người viết|"
    r"người dịch|nhà báo|dịch|biên dịch|"
    r"lược dịch|ghi|tổng hợp|written by|author|by|ths\.?|ts\.?)"
)
_PHOTO = re.compile(
    r"(?:^|(?<=[\s,;|(.\-–—/]))(?:ảnh|ảnh và video|ảnh minh họa|ảnh, video|video|clip|đồ họa|đồ hoạ|infographic|thiết kế|minh họa|"
    r"photo|nhạc|quay phim|dựng phim|kỹ thuật)\s*(?:[:：]|\s-\s|\s(?=[A-ZĐ]))",
    re.IGNORECASE,
)
_TEXT_AND_PHOTO = re.compile(
    r"^(?:tin|bài|text|nội dung|thực hiện)?\s*(?:(?:,|và|-|–|&|\+|/)?\s*(?:tin|bài|ảnh|clip|video|text|"
    r"nội dung|thực hiện)\s*){0,3}\s*[:：]\s*",
    re.IGNORECASE,
)
_LEADING_ROLE = re.compile(rf"^(?:{_ROLE}\s*[:：]\s*|(?:phóng viên|btv|pv|ctv|tác giả|by)\s+(?=[A-ZĐÀ-Ỹ]))", re.IGNORECASE)
_TRAILING_NOTE = re.compile(
    r"\s*[(\[]\s*(?:tổng hợp|dịch|lược dịch|biên dịch|ghi|thực hiện|lược ghi|t/h|t\.h|th|sưu tầm|biên soạn|lược thuật|"
    r"tổng hợp và biên dịch|st)\b[^)\]]*[)\]]\s*$|\s+(?:tổng hợp|lược dịch|biên dịch|\(t/h\)|thực hiện|ghi)\s*$",
    re.IGNORECASE,
)
_CREDIT = re.compile(
    r"^[\s(\[*/-]*(?:theo|nguồn(?:\s+tin)?|nguồn bài viết|source|via|trích(?:\s+từ)?|dẫn theo|link gốc)\s*[:：]?\s+(?=\S)", re.IGNORECASE
)
_CREDIT_TIGHT = re.compile(r"^[\s(\[*/-]*(?:theo|nguồn(?:\s+tin)?|source|via)\s*[:：]\s*(?=\S)", re.IGNORECASE)
_SPLIT = re.compile(r"\s+[-–—|•&+]+\s+|\s*[,;|•]\s*|\s+và\s+|(?<=[a-zà-ỹ])\s*[-–]\s*(?=[A-ZĐÀ-Ỹ])|\s*/\s*|\s*\n\s*", re.IGNORECASE)
_INITIALS = re.compile(r"(?:^|\s)(?:[^\W\d_]\.){2,}$")
"""Initials keep their last full stop: "T.N.Đ."."""

_STAMP = re.compile(
    r"(?:(?:thứ\s+\w+|chủ nhật|ngày|lúc|cập nhật|đăng|vào)[\s,:]*){0,4}(?:\d{1,2}\s*(?::|h|giờ)\s*\d{2}[^\w]*)?"
    r"(?:\d{1,2}\s*[-/.]\s*\d{1,2}\s*[-/.]\s*\d{2,4}|\d{1,2}\s+tháng\s+\d{1,2}\s*(?:,|năm)?\s*\d{4})"
    r"(?:[^\w]*\d{1,2}\s*(?::|h|giờ)\s*\d{2}(?:\s*(?:[ap]m|sa|ch))?)?(?:\s*\(?gmt\s*\+?\s*7\)?)?",
    re.IGNORECASE,
)
"""A date beside a byline."""

_AVATAR = re.compile(r"^([A-ZÀ-ỸĐ]) (?=\1\w)")
"""The letter that stands for a portrait: "K Kim Phong"."""

_NO_BYLINE = re.compile(r"bình chọn|lượt xem|bình luận|người đăng", re.IGNORECASE)

_DOMAIN = re.compile(r"^(?:https?://)?(?:www\.)?[\w-]+(?:\.[\w-]+)*\.(?:vn|com|net|org|info|gov|edu|tv|co|uk)\b\S*$", re.IGNORECASE)
_HANDLE = re.compile(r"^[A-Za-zÀ-ỹĐđ][\wÀ-ỹ.]{1,24}$")
_PLACEHOLDERS = _names_in(
    "hết|video|clip|ảnh|xem|tags|print|top|facebook|share|tweet|like|email|còn tiếp|còn nữa|chia sẻ|bình luận|gửi|"
    "admin|administrator|author|ban biên tập|ban biên tập website|"
    "bbt|biên tập|btv|editor|guest|news|quantri|quản|quản trị viên|"
    "root|seo|seo, traffic team|super user|toà soạn|trị|tòa soạn|user|webmaster"
)
_ORGANISATION = re.compile(
    r"\b(?:cty|công ty|tập đoàn|báo|tạp chí|cổng thông tin|trang tin|đài|sở|ubnd|bộ|trung tâm|cơ quan|công nghệ|corp|jsc|inc|"
    r"ltd|online|media|"
    r"news|team|văn phòng|ban quản|phòng|thông tấn|truyền thông|vccorp|channelvn|group|website|copyright|tin tức)\b",
    re.IGNORECASE,
)


@dataclass
class Byline:
    """What the lines under an article say.

    Attributes:
        authors: names as printed, without photographers, agencies and the outlet.
        credits: what the text is credited to, as printed.
        link: the address that the credit links to; empty when none.
    """

    authors: list[str] = field(default_factory=list)
    credits: list[str] = field(default_factory=list)
    link: str = ""

    def add(self, other: Byline) -> None:
        """Take over what `other` found."""
        self.authors.extend(name for name in other.authors if name not in self.authors)
        self.credits.extend(name for name in other.credits if name not in self.credits)
        self.link = self.link or other.link


def read_byline(line: str, site: str = "", link: str = "") -> Byline | None:
    """The names in a line that may be a byline or a credit; None when it is neither.

    Args:
        line: one printed line, folded.
        site: the outlet's name and host, which are no authors, blank-separated.
        link: the address that the line links to.

    >>> read_byline("Theo Sầm Hoa (Vietnamnet/Reuters)")
    Byline(authors=['Sầm Hoa'], credits=['Vietnamnet/Reuters'], link='')
    >>> read_byline("Quang Phong - Tùng Nguyên").authors
    ['Quang Phong', 'Tùng Nguyên']
    >>> read_byline("Tin, ảnh: Vũ Phương Thảo").authors
    ['Vũ Phương Thảo']
    >>> read_byline("Ảnh: Hoàng Hà").authors
    []
    """
    line = fold(line).strip(" *_~|")
    line = line if _INITIALS.search(line) else line.strip(" .")
    line = _AVATAR.sub("", _STAMP.sub("", line).strip(" -–—|,·•"))
    if not line or len(line) > 140 or line.count(" ") > 22 or _NO_BYLINE.search(line):
        return None
    credit = _CREDIT.match(line) or _CREDIT_TIGHT.match(line)
    if credit:
        return _read_credit(line[credit.end() :].strip(" ()[]."), line[: credit.end()], site, link)
    both = _TEXT_AND_PHOTO.match(line)
    if both and both.end():
        if re.match(r"^(?:ảnh|clip|video)\s*[:：]", line, re.IGNORECASE):
            return Byline()
        line = line[both.end() :]
    line = _LEADING_ROLE.sub("", line)
    photo = _PHOTO.search(line)
    if photo:
        line = line[: photo.start()].strip(" -–—|,;./(")
        if not line:
            return Byline()
    inside = re.search(r"[(\[]\s*(?:theo|nguồn)\s*[:：]?\s*([^)\]]+)[)\]]?", line, re.IGNORECASE)
    after = re.search(r"\s(?:[-–—|/]\s*)?theo\s*[:：]?\s+(\S.*)$", line) or re.search(
        r"\s(?:[-–—|/]\s*)?(?:Theo|Nguồn)\s*[:：]?\s+(\S.*)$", line
    )
    found = Byline(link=link if inside or after else "")
    if inside:
        found.credits.append(inside.group(1).strip())
        line = (line[: inside.start()] + line[inside.end() :]).strip()
    elif after:
        found.credits.append(after.group(1).strip(" ()[]."))
        line = line[: after.start()].strip(" -–—|/")
    return _names(line, found, site)


def _names(line: str, found: Byline, site: str) -> Byline | None:
    """The names in `line` added to `found`; None when a part of it is no name."""
    line = _TRAILING_NOTE.sub("", line).strip()
    if len(line.split()) > 16 or re.search(r"\w{3,}[.!?] \w", line):
        return None
    bracket = re.search(r"\s*[(\[]([^)\]]{2,60})[)\]]\s*$", line)
    if bracket:
        inner = bracket.group(1).strip()
        if is_outlet(inner, site) or all(is_outlet(part, site) for part in re.split(r"\s*[/,-]\s*", inner)):
            found.credits.append(inner)
        line = line[: bracket.start()].strip()
    if not line:
        return found if found.credits else None
    for part in _SPLIT.split(line):
        part = _LEADING_ROLE.sub("", _TRAILING_NOTE.sub("", part)).strip(" :*-")
        part = part if _INITIALS.match(part) else part.strip(" .")
        if not part:
            continue
        if is_outlet(part, site):
            if not _is_site(part, site):
                found.credits.append(part)
            continue
        if not is_name(part) or part.lower() in _PLACES:
            return None
        if found.authors and part.isupper() and len(part) < 7 and " " not in part and not found.authors[-1].isupper():
            continue  # an office or agency behind a name: "Nguyễn Lan/VOV-ĐBSCL"
        if part not in found.authors:
            found.authors.append(part)
    return found


def _read_credit(rest: str, label: str, site: str, link: str) -> Byline | None:
    rest = rest.strip()
    photo = _PHOTO.search(rest)
    if photo and photo.start():
        rest = rest[: photo.start()].strip(" -–—|,;./(")
    if not rest or len(rest) > 90 or rest.endswith((":", "?", "!")):
        return None
    bracket = re.match(r"^([^()\[\]]{2,50}?)\s*[(\[]\s*(?:theo\s+)?([^()\[\]]{2,60}?)\s*[)\]]?$", rest)
    if bracket:
        person, outlet = bracket.group(1).strip(), bracket.group(2).strip()
        if re.match(r"^(?:tổng hợp|dịch|lược dịch|t/h|th)$", outlet, re.IGNORECASE):
            return _person_or_outlet(person, site, link)
        if is_outlet(person, site):
            return Byline(credits=[f"{person} ({outlet})" if not _is_site(person, site) else outlet], link=link)
        if is_name(person):
            return Byline(authors=[part for part in _SPLIT.split(person) if part and is_name(part)], credits=[outlet], link=link)
        return None
    parts = [part.strip() for part in re.split(r"\s*/\s*|\s+[-–—]\s+|\s*,\s*", rest) if part.strip()]
    if len(parts) > 1 and all(is_outlet(part, site) or is_name(part) or _DOMAIN.match(part) for part in parts):
        people = [part for part in parts if not is_outlet(part, site) and is_person(part)]
        outlets = [part for part in parts if part not in people]
        if people and outlets:
            return Byline(authors=people, credits=[", ".join(outlets)], link=link)
        return Byline(credits=[rest], link=link)
    return _person_or_outlet(rest, site, link) if label.strip() else None


def _person_or_outlet(name: str, site: str, link: str) -> Byline | None:
    """A bare "Theo X": an outlet as a rule; a person only when X is written like a Vietnamese full name of three syllables."""
    if is_outlet(name, site):
        return Byline(credits=[] if _is_site(name, site) else [name], link="" if _is_site(name, site) else link)
    words = name.split()
    if not link and len(words) in (3, 4) and words[0].lower() in _SURNAMES and is_person(name):
        return Byline(authors=[name])
    if len(words) <= 9 and (name[0].isupper() or _DOMAIN.match(name)):
        return Byline(credits=[name], link=link)
    return None


def is_name(text: str) -> bool:
    """Whether `text` can be the name of a writer: one to five words that all begin with a capital, or one handle."""
    words = text.split()
    if not 1 <= len(words) <= 5 or len(text) > 40 or re.search(r"[\d!?:;\"“”%@#=<>]", text) or text.lower() in _PLACEHOLDERS:
        return False
    if _DOMAIN.match(text):
        return False
    if len(words) == 1:
        return bool(_HANDLE.match(text)) and text[0].isalpha()
    small = {"của", "de", "van", "von", "nhóm", "và"}
    return all(word[0].isupper() or word.lower() in small for word in words) and (not text.isupper() or len(text) < 30)


def is_person(text: str) -> bool:
    """Whether `text` is surely a person's name: a Vietnamese one with its surname or a usual first part."""
    words = text.split()
    if text.lower() in _PLACES:
        return False
    return is_name(text) and len(words) >= 2 and words[0].lower().strip(".") in _SURNAMES and not _ORGANISATION.search(text)


def is_outlet(text: str, site: str = "") -> bool:
    """Whether `text` names a newspaper, an agency or the page's own outlet rather than a person."""
    lower = text.lower().strip(" .()")
    lower = re.sub(r"^(?:báo|tạp chí|trang)\s+", "", lower)
    return bool(
        lower in OUTLETS or _DOMAIN.match(lower) or _is_site(text, site) or (len(lower.split()) <= 7 and _ORGANISATION.match(lower))
    )


def _is_site(text: str, site: str) -> bool:
    squeezed = re.sub(r"[\W_]+", "", text.lower())
    return bool(squeezed) and any(squeezed == re.sub(r"[\W_]+", "", name.lower()) for name in site.split("\n") if name)


def site_names(url: str, *names: str) -> str:
    """The outlet's own names, line by line: given ones, its host, and the host's distinctive part."""
    try:
        host = (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        host = ""
    labels = host.split(".")
    found = [*names, host, ".".join(labels[-2:]), ".".join(labels[-3:])]
    found += [label for label in labels if len(label) > 3 and label not in ("com", "news")]
    return "\n".join(name for name in found if name)
