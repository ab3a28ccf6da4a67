"""From the element that holds an article to its paragraphs: what is text stays, what stands around it goes.

The page is parsed once, by lxml. The chosen element is handed over to BeautifulSoup without writing and reading it again
(building BeautifulSoup's tree for the whole page would cost ten times the parsing), cut there with the layout's `remove`
selectors, and read as a row of blocks. What a block is follows from its markup and its words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString
from soupsieve.util import SelectorSyntaxError

from crawlers.extraction.bylines import Byline, is_name, is_outlet, is_person, read_byline
from crawlers.extraction.dates import has_day, is_stamp
from crawlers.extraction.page import Element, fold

_BLOCK_TAGS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset", "figcaption", "figure",
        "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "nav", "ol", "p", "pre", "section",
        "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "details", "summary", "caption", "legend",
    }
)  # fmt: skip
_NEVER = frozenset({"script", "style", "noscript", "iframe", "select", "button", "textarea", "input", "label", "nav", "head", "title"})
_DEEPEST = 200
_MOST_NODES = 60_000
"""Nodes taken over at most: a 10 MB page is cut, not waited for."""

BOILERPLATE = re.compile(
    r"(?:^|[\s_-])(?:related\w*|relate[ds]?|lien-?quan|tin-?lien-?quan|tinlienquan|"
    r"bai-?lien-?quan|\w*lienquan|tin-?khac|tinkhac|tin-?moi|tinmoi\w*|"
    r"cac-?tin\w*|"
    r"other-?news|othernews|newsother|"
    r"older\w*|newer\w*|more-?news|morenews|read-?more|readmore|xem-?them|xemthem|recommend\w*|suggest\w*|"
    r"goi-?y|share\w*|sharing|social\w*|like-?\w*box|face_?book\w*|fb-?\w*|zalo\w*|twitter\w*|addthis\w*|google-?plus|gplus|"
    r"comments?|comment-?\w*|\w*-?comment|binh-?luan\w*|binhluan\w*|y-?kien\w*|phan-?hoi\w*|phanhoi|disqus\w*|"
    r"tags?|tag-?\w*|\w*-tags?|keywords?|tu-?khoa\w*|tukhoa\w*|\w*hienthitags|"
    r"ads?|ads-?\w+|adv\w*|advert\w*|\w*banner\w*|quang-?cao\w*|quangcao\w*|qc|qc-\w+|sponsor\w*|promo\w*|"
    r"newsletter\w*|subscribe\w*|rating\w*|rate\w*|vote\w*|print\w*|breadcrumbs?|menu\w*|navbar|navigation|toolbar\w*|tool-?box|tools?|"
    r"pagination|paging|pager|hot-?news|most-?\w+|popular\w*|box-?tin\w*|box-?category\w*|list-?news\w*|listing\w*|sidebar\w*|"
    r"copyright|login\w*|popup\w*|modal\w*|hidden|audio\w*|player\w*|ratepoint\w*|goback|go-?back|"
    r"author-?box|author-?bio|article-?relate\w*|noi-dung-ph|type-?\d+-relate\w*|"
    r"vcsortableinpreviewmode-relate\w*|poll\w*|event-?box|su-?kien\w*|"
    r"theo-?dong\w*|chu-?de\w*|topic-?\w+|sub-?scribe|bookmark\w*|emailprint|article-?tools?|like-?\w+|btn\w*|button\w*|tooltip|"
    r"signature|message-?meta|likessummary|useresslastedit\w*|messagemeta|privatecontrols|publiccontrols|quotecontainer|"
    r"bbcodequote|attachedfiles|text-?size|font-?size|toc|table-of-contents|post-?views|entry-?meta|post-?meta|post-?nav\w*|"
    r"next-?prev|prev-?next|jp-relatedposts|sharedaddy|wp-?\w*-?rating|yarpp\w*|cta|donate|survey|qr-?code|relatedleadsubject)(?=$|[\s_-])"
)
"""Class and id words of parts that are not the article; matched on lower case with blanks, `-` and `_` as borders."""

CAPTION = re.compile(
    r"(?:^|[\s_-])(?:\w*caption\w*|chu-?thich\w*|chuthich\w*|img-?desc\w*|image-?desc\w*|photo-?desc\w*|"
    r"photocms\w*|img-?note|photo-?credit|"
    r"desc-?(?:img|image|photo)|note-?img|image|imgcaption|news-?image|expnoedit|img-?info|pic-?desc|photonote|text-?img|image-?note|"
    r"picture-?note|thumb-?desc|desc_?image|desc_cation|avatar-?desc|psaboxfooterimage|expedit|fig|photo__caption|"
    r"star-?name-?caption|cap-?img|plugin-?photo|vcsortableinpreviewmode|notebox-image|tplcaption)(?=$|[\s_-])"
)
LEAD_CUE = re.compile(
    r"(?:^|[\s_-])(?:\w*sapo\w*|\w*lead|lead-?\w*|summary|\w*-summary|tom-?tat\w*|tomtat\w*|trich|trich-?dan|intro|"
    r"intro-?text|teaser|phead|"
    r"description|desc|\w*-desc|short-?\w+|mo-?ta|gioi-?thieu|chapeau|standfirst|dek|\w*excerpt|txt-head|main-intro|"
    r"init_content|head-?noidung|\w*-head-noidung|quote-?lead)(?=$|[\s_-])"
)
_AUTHOR_CUE = re.compile(
    r"(?:^|[\s_-])(?:p?author\w*|tac-?gia\w*|tacgia\w*|but-?danh|byline\w*|writer|p?source|nguon\w*|nguon-?tin\w*|article-?author|"
    r"news-?source|post-?author|user-?name|authors?-?name|credit\w*)(?=$|[\s_-])"
)
_LEAD_IN = re.compile(
    r"^\W{0,4}(?:>>|»|›|xem thêm|xem tiếp|đọc thêm|đọc tiếp|tin liên quan|bài liên quan|bài viết liên quan|"
    r"tin bài liên quan|tin cùng chuyên mục|"
    r"các tin khác|tin khác|bài khác|có thể bạn quan tâm|có thể bạn chưa biết|bạn có thể quan tâm|"
    r"mời (?:quý )?(?:bạn|vị|độc giả|bạn đọc|khán giả)|"
    r"\*?\s*mời (?:quý|bạn|độc)|từ khóa|từ khoá|tags?\s*:|chia sẻ (?:bài|qua|lên)|chia sẻ\s*[:：]|click vào đây|bấm (?:vào|xem)|nhấn vào|"
    r"tải ứng dụng|gửi bình luận|ý kiến bạn đọc|copy link|bình luận\s*(?:$|\(|:)|quảng cáo\s*$|theo dòng sự kiện|tin nóng|tin mới|"
    r"đăng ký (?:theo dõi|nhận)|theo dõi chúng tôi|like fanpage|xem chi tiết|xem clip|xem video|mời xem|mời đọc|mời theo dõi|"
    r"cùng chủ đề|chủ đề\s*:|cùng chuyên mục|tin đọc nhiều|đọc nhiều|tin cũ hơn|tin mới hơn|bài cùng|quay lại|\[quay lại\]|về đầu trang|"
    r"in bài|gửi email|email\s*$|facebook\s*$|lượt xem|vui lòng (?:nhập|đăng nhập)|đánh giá bài|bạn đọc (?:có thể )?(?:gửi|phản hồi)|"
    r"mọi ý kiến|tin tức gần đây|bài tiếp theo|đừng bỏ lỡ|đăng ký (?:nhận|để)|thông tin bạn đọc|liên hệ quảng cáo|"
    r"hotline\s*:|bản quyền|© |đọc báo|tham khảo thêm|bài đọc nhiều|bài viết khác)",
    re.IGNORECASE,
)
"""How Vietnamese pages begin what is not the article. Short blocks only."""

_INVITATION = re.compile(
    r"^\W{0,4}(?:mọi (?:ý kiến|thông tin|bài vở|thắc mắc|phản ánh|đóng góp|câu hỏi)|bạn đọc (?:có|quan tâm|muốn)|"
    r"(?:quý )?độc giả (?:có|quan tâm)|"
    r"bạn có (?:ý kiến|thông tin)|mời (?:các )?bạn|hãy (?:gửi|chia sẻ|bình luận)|theo dõi (?:fanpage|kênh)).{0,200}(?:gửi|email|điện thoại|"
    r"đường dây nóng|hotline|bình luận|địa chỉ|fanpage|kênh|tại đây)",
    re.IGNORECASE,
)
"""Invitations to write to the editors."""

_IMPRINT = re.compile(
    r"cơ quan chủ quản|giấy phép (?:số|hoạt động|xuất bản|thiết lập)|chịu trách nhiệm (?:chính|nội dung|xuất bản)|"
    r"ghi rõ nguồn|bản quyền thuộc|liên hệ quảng cáo|©|®",
    re.IGNORECASE,
)
_CONTACT = re.compile(r"điện thoại|địa chỉ|email|fax|hotline|trụ sở|tòa soạn|toà soạn|tổng biên tập|giấy phép|copyright", re.IGNORECASE)
"""What stands at the foot of every page of an outlet; one of each kind in a short block is the foot."""

CLOSING = re.compile(
    r"^\W{0,4}(?:tin liên quan|bài liên quan|bài viết liên quan|tin bài liên quan|tin cùng chuyên mục|các tin khác|tin khác|bài khác|"
    r"các bài khác|các tin đã đưa|tin đã đưa|ý kiến bạn đọc|bình luận|gửi (?:bình luận|ý kiến)|viết bình luận|phản hồi|có thể bạn quan tâm|"
    r"theo dòng sự kiện|tin mới nhất|tin đọc nhiều|đọc nhiều nhất|cùng chuyên mục|từ khóa|từ khoá|tags?\s*:?$|tin nổi bật|xem thêm|"
    r"tin mới hơn|tin cũ hơn|bài viết khác|chia sẻ bài|thảo luận|tin tức gần đây|tin gần đây|bài tiếp theo|bài kế tiếp|"
    r"tin kế tiếp|đừng bỏ lỡ|bài mới nhất|được quan tâm|tin cùng loại|các tin tiếp|tin tiếp theo)",
    re.IGNORECASE,
)
"""Headings after which only other things follow."""

_COMMENT_HEADING = re.compile(r"^\W{0,4}(?:ý kiến|bình luận|\d+ bình luận|gửi|viết bình luận|phản hồi|thảo luận)", re.IGNORECASE)

_ENDS_AS_SENTENCE = re.compile(r"[.!?…:;”\"')\]]\s*$")
_PHOTO_END = re.compile(
    r"(?:[.,;:)]\s*|\s[-–]\s|\s\(|^\(?|\.\.\.\s*)(?:\(?\s*(?:ảnh|hình|photo|đồ họa|ảnh minh họa|nguồn ảnh|hình minh họa|video|clip)\s*"
    r"(?:[:：].{0,50}|minh họa.{0,30}|internet.{0,10}|chụp .{0,40})?|ảnh\s*[:：].{0,60})\)?\s*\.?$",
    re.IGNORECASE,
)
_TEXT_CREDIT = re.compile(r"^\W*(?:tin|bài|bài và|theo|nguồn|thực hiện)\b.{0,20}\s*[:：]", re.IGNORECASE)
"""A byline that names the photographs too ("Tin, ảnh: …") is no caption."""


@dataclass
class Block:
    """A paragraph, a line, a table row, or an image (`text` is empty then).

    `link`, `bold` and `italic` are the numbers of characters that are linked, bold or italic.
    """

    text: str
    tag: str
    cues: str
    align: str = ""
    caption: bool = False
    boilerplate: bool = False
    bold: int = 0
    italic: int = 0
    link: int = 0
    styled: bool = False
    image: str = ""
    table: int = 0
    in_list: bool = False
    href: str = ""
    part: int = 0
    images_before: int = 0


@dataclass
class Body:
    """What was read from the article's element.

    Attributes:
        paragraphs: the text, in order.
        lead: the summary that stands inside the element, set apart; empty when there is none.
        byline: names and credits of the lines at its end.
        images: `src` of its images, in order, as written.
        gallery: the captions are the text.
        dropped: what was taken out, for those who want to know why.
    """

    paragraphs: list[str] = field(default_factory=list)
    lead: str = ""
    byline: Byline = field(default_factory=Byline)
    images: list[str] = field(default_factory=list)
    gallery: bool = False
    dropped: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The paragraphs joined by line feeds."""
        return "\n".join(self.paragraphs)


def graft(elements: Sequence[Element], without: Collection[Element] = ()) -> Tag:
    """BeautifulSoup's tree of lxml elements, one after the other under one `div`; very deep parts are flattened.

    Args:
        elements: what is taken over.
        without: elements in them that are left out.
    """
    soup = BeautifulSoup("", "lxml")
    root = soup.new_tag("div")
    soup.append(root)
    count = 0
    # A depth-first walk that keeps document order: what follows waits on the stack.
    waiting: list[tuple[Element | str, Tag, int]] = [(element, root, 0) for element in reversed(elements)]
    while waiting and count < _MOST_NODES:
        item, parent, depth = waiting.pop()
        count += 1
        if isinstance(item, str):
            parent.append(NavigableString(item))
            continue
        if not isinstance(item.tag, str) or item.tag in _NEVER or item in without:
            continue
        while (
            len(item) == 1
            and not item.attrib
            and not (item.text or "").strip()
            and not (item[0].tail or "").strip()
            and item[0].tag in _BLOCK_TAGS
        ):
            item = item[0]  # a wrapper without a meaning of its own
        if depth < _DEEPEST:
            tag = soup.new_tag(item.tag, attrs={str(key): str(value) for key, value in item.attrib.items()})
            parent.append(tag)
        else:
            tag = parent
        children: list[tuple[Element | str, Tag, int]] = []
        if item.text:
            children.append((item.text, tag, depth))
        for child in item:
            children.append((child, tag, depth + 1))
            if child.tail:
                children.append((child.tail, tag, depth))
        waiting.extend(reversed(children))
    return root


def read_body(
    elements: Sequence[Element],
    *,
    title: str = "",
    lead: str = "",
    remove: Sequence[str] = (),
    site: str = "",
    without: Collection[Element] = (),
    descriptions: Sequence[str] = (),
) -> Body:
    """The text of the elements that hold an article.

    Args:
        elements: the elements, in document order; usually one.
        title: the headline; a block that repeats it is dropped, and with it what stands above it.
        lead: the lead as found elsewhere; the text does not repeat it.
        remove: selectors of the layout for what is to be cut out; one that cannot be read is passed over.
        site: names of the outlet (`bylines.site_names`), which are no authors.
        without: elements to leave out (`Page.cards`).
        descriptions: what the head of the page says as its description: a first paragraph that is the same, and is marked
            up unlike the others, is the lead.
    """
    root = graft(elements, without)
    for tag in _matching(root, remove):
        tag.decompose()
    blocks = list(_blocks(root))
    return _choose(blocks, title, lead, site, descriptions)


def _matching(root: Tag, selectors: Sequence[str]) -> list[Tag]:
    """The elements that any of `selectors` matches; all at once, which is quicker, unless one of them cannot be read."""
    if not selectors:
        return []
    try:
        return list(root.select(", ".join(selectors)))
    except (SelectorSyntaxError, NotImplementedError):
        return [tag for selector in selectors for tag in _matching(root, [selector])] if len(selectors) > 1 else []


@dataclass
class _Context:
    tag: str = "div"
    cues: str = ""
    align: str = ""
    caption: bool = False
    boilerplate: bool = False
    bold: bool = False
    italic: bool = False
    href: str = ""
    styled: bool = False
    table: int = 0
    in_list: bool = False
    part: int = 0


class _Reader:
    """Collects inline text into blocks."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.blocks: list[Block] = []
        self.pieces: list[tuple[str, _Context]] = []
        self.tables = 0
        self.parts = 0
        self.images = 0

    def flush(self) -> None:
        pieces, self.pieces = self.pieces, []
        text = fold("".join(piece for piece, _ in pieces))
        if not text:
            return
        solid = [(len(piece.strip()), context) for piece, context in pieces if piece.strip()]
        first = max(solid, key=lambda item: item[0])[1]
        self.blocks.append(
            Block(
                text=text,
                tag=first.tag,
                cues=first.cues,
                align=first.align,
                caption=all(context.caption for _, context in solid),
                boilerplate=all(context.boilerplate for _, context in solid),
                bold=sum(size for size, context in solid if context.bold),
                italic=sum(size for size, context in solid if context.italic),
                link=sum(size for size, context in solid if context.href),
                styled=all(context.styled for _, context in solid),
                table=first.table,
                in_list=first.in_list,
                href=next((context.href for _, context in solid if context.href), ""),
                part=first.part,
                images_before=self.images,
            )
        )
        self.images = 0

    def image(self, source: str, context: _Context) -> None:
        self.flush()
        self.images += 1
        self.blocks.append(
            Block("", "img", context.cues, image=source, table=context.table, boilerplate=context.boilerplate, part=context.part)
        )


def _blocks(root: Tag) -> Iterator[Block]:
    reader = _Reader(len(root.get_text()))
    _walk(root, _Context(), reader, 0)
    reader.flush()
    yield from reader.blocks


def _style(tag: Tag) -> str:
    return str(tag.get("style") or "").lower().replace(" ", "")


def _walk(tag: Tag, context: _Context, reader: _Reader, depth: int) -> None:
    for child in tag.children:
        if isinstance(child, NavigableString):
            if type(child) is NavigableString:
                reader.pieces.append((str(child), context))
            continue
        if not isinstance(child, Tag):
            continue
        name = child.name
        if name == "br":
            reader.flush()
            continue
        if name in ("img", "amp-img", "figure-img"):
            source = image_source(child)
            if source:
                reader.image(source, context)
            continue
        if name in _NEVER or child.has_attr("hidden"):
            continue
        style = _style(child)
        if "display:none" in style or "visibility:hidden" in style:
            continue
        inner = _inside(child, context, style, reader)
        block = name in _BLOCK_TAGS
        if block and not (name in ("td", "th") and _is_data_row(child)):
            reader.flush()
        elif block and reader.pieces:
            reader.pieces.append((" | ", context))
        _walk(child, inner, reader, depth + 1)
        if block and not (name in ("td", "th") and _is_data_row(child)):
            reader.flush()


def _is_data_row(cell: Tag) -> bool:
    """Whether `cell` belongs to a table of data: its row becomes one line. A table of layout or pictures does not."""
    table = cell.find_parent("table")
    row = cell.find_parent("tr")
    if table is None or row is None or table.find(["img", "table", "ul", "div"]) is not None:
        return False
    return (
        len(row.find_all(["td", "th"])) > 1
        and len(table.find_all("tr")) > 1
        and all(len(c.find_all("p")) < 3 for c in row.find_all(["td", "th"]))
    )


def _inside(child: Tag, context: _Context, style: str, reader: _Reader) -> _Context:
    name = child.name
    classes = child.get("class")
    words = f"{' '.join(classes) if isinstance(classes, list) else classes or ''} {child.get('id') or ''}".lower().strip()
    inner = _Context(**vars(context))
    if name in _BLOCK_TAGS:
        inner.tag = name
        reader.parts += 1
        inner.part = reader.parts
    if words:
        inner.cues = f"{context.cues} {words}"[-300:]
        if not context.boilerplate and BOILERPLATE.search(words) and len(child.get_text()) * 2 < reader.total:
            inner.boilerplate = True
        if not context.caption and CAPTION.search(words) and len(child.get_text()) < 700:
            inner.caption = True
    if name in ("figure", "figcaption", "caption") or (name == "div" and _is_picture_box(child)):
        inner.caption = True
    elif name in ("aside", "footer") and len(child.get_text()) * 2 < reader.total:
        inner.boilerplate = True
    align = str(child.get("align") or "").lower()
    if "text-align:" in style:
        align = style.split("text-align:", 1)[1].split(";")[0].split("!")[0]
    if name == "center":
        align = "center"
    if align in ("left", "right", "center", "justify", "start", "end", "middle"):
        inner.align = {"start": "left", "end": "right", "middle": "center"}.get(align, align)
    if name in ("b", "strong") or "font-weight:bold" in style or re.search(r"font-weight:[6-9]00", style):
        inner.bold = True
    if name in ("i", "em", "cite") or "font-style:italic" in style:
        inner.italic = True
    if name == "a" and child.get("href"):
        inner.href = str(child.get("href"))
    if name in ("font", "span", "small", "p", "div", "em", "i", "td") and re.search(
        r"(?:^|;)color:|font-size:(?:[0-9]|1[01])(?:\.\d+)?(?:pt|px)", style
    ):
        inner.styled = True
    if name == "small":
        inner.styled = True
    if name == "table":
        reader.tables += 1
        inner.table = reader.tables
        if (
            child.find(["img", "amp-img"]) is not None
            and len(child.get_text()) < 600 * max(1, len(child.find_all("img")))
            and not _is_wrapper(child, reader)
        ):
            inner.caption = True
    if name in ("ul", "ol"):
        inner.in_list = True
    return inner


def _is_picture_box(box: Tag) -> bool:
    """A picture and below it, in an element of its own, one short text."""
    if len(box.get_text()) > 260 or box.find(["img", "amp-img"]) is None:
        return False
    parts = [part for part in box.children if isinstance(part, Tag) or str(part).strip()]
    if not 2 <= len(parts) <= 4 or not all(isinstance(part, Tag) for part in parts):
        return False
    first, rest = parts[0], [part for part in parts[1:] if part.get_text(strip=True)]
    return (
        isinstance(first, Tag)
        and not first.get_text(strip=True)
        and len(rest) == 1
        and (first.name in ("img", "amp-img") or first.find("img") is not None)
    )


def _is_wrapper(table: Tag, reader: _Reader) -> bool:
    """Whether this table is the frame of the text rather than of a picture."""
    return len(table.get_text()) * 2 > reader.total and len(table.get_text()) > 1200


def image_source(tag: Tag) -> str:
    """The address of an image: the attribute of a lazy loader before `src`; empty for icons, data and counting pixels."""
    for size in (tag.get("width"), tag.get("height")):
        if isinstance(size, str) and size.strip().rstrip("px").isdigit() and int(size.strip().rstrip("px")) < 40:
            return ""
    for attribute in ("data-src", "data-original", "data-lazy-src", "data-srcset", "src", "srcset"):
        value = str(tag.get(attribute) or "").strip()
        if value and not value.startswith("data:"):
            return value.split(",")[0].split()[0] if attribute.endswith("srcset") else value
    return ""


def _same(one: str, other: str) -> bool:
    """Whether two texts are the same but for punctuation, case and a cut end."""
    a, b = _squeeze(one), _squeeze(other)
    if not a or not b:
        return False
    short, long = sorted((a, b), key=len)
    return long.startswith(short) and (len(short) >= 0.85 * len(long) or (len(short) > 60 and one.rstrip().endswith(("...", "…"))))


def _squeeze(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def _choose(blocks: list[Block], title: str, lead: str, site: str, descriptions: Sequence[str]) -> Body:
    body = Body()
    blocks = _after_title(blocks, title)
    body.images = list(dict.fromkeys(block.image for block in blocks if block.image and not block.boilerplate))
    _mark_captions(blocks)
    blocks = _cut_tail(blocks, body)
    blocks = _drop_related(blocks, body, lead)
    blocks = _take_byline(blocks, body, site)
    text = [block for block in blocks if block.text]
    captions = [block for block in text if block.caption]
    paragraphs = [block for block in text if not block.caption]
    if not lead:
        body.lead = _lead_of(paragraphs, descriptions)
        if body.lead:
            paragraphs = paragraphs[body.lead.count("\n") + 1 :]
    size, caption_size = sum(len(b.text) for b in paragraphs), sum(len(b.text) for b in captions)
    if len(captions) >= 3 and caption_size > 2 * size and len(body.images) >= 3:
        body.gallery = True
        chosen = [block for block in text if block.caption or block in paragraphs]
    else:
        chosen = paragraphs
        body.dropped.extend(block.text for block in captions)
    body.paragraphs = [block.text for block in chosen]
    return body


def _after_title(blocks: list[Block], title: str) -> list[Block]:
    """What follows the headline when it stands inside: above it are breadcrumbs, dates and tools."""
    if not title:
        return blocks
    places = [place for place, block in enumerate(blocks) if block.text and len(block.text) < 300 and _same(block.text, title)]
    total = sum(len(block.text) for block in blocks)
    for place in reversed(places):
        if sum(len(block.text) for block in blocks[:place]) * 3 < total:
            blocks = blocks[place + 1 :]
            break
    return [block for block in blocks if not (block.text and block.tag in ("h1", "h2", "h3") and _same(block.text, title))]


def _mark_captions(blocks: list[Block]) -> None:
    """Captions by their place: the short centred, italic, small or coloured line under a picture."""
    plain_align = _usual_align(blocks)
    for place, block in enumerate(blocks):
        if not block.text or block.caption or _TEXT_CREDIT.match(block.text):
            continue
        if (
            len(block.text) < 80
            and not (place and blocks[place - 1].image)
            and (line := read_byline(block.text)) is not None
            and line.authors
        ):
            continue  # "Thanh Tùng - Ảnh: Minh Đức" at the end: the writer and the photographer
        previous = blocks[place - 1] if place else None
        following = blocks[place + 1] if place + 1 < len(blocks) else None
        after_image = previous is not None and bool(previous.image) and not block.boilerplate
        size = len(block.text)
        differs = block.align == "center" and plain_align != "center"
        slanted = block.italic * 10 >= size * 8
        if (
            (after_image and size < 400 and (differs or (block.align == "center" and slanted)))
            or (after_image and size < 250 and (slanted or block.styled) and block.bold * 2 < size)
            or (after_image and size < 300 and _PHOTO_END.search(block.text))
            or (after_image and previous is not None and not previous.table and following is not None and _is_label(block))
            or (size < 220 and _PHOTO_END.search(block.text) and (after_image or slanted or differs or size < 60))
            or (
                previous is not None
                and previous.caption
                and previous.text
                and size < 200
                and differs
                and (slanted or block.styled)
                and following is not None
                and not previous.table
            )
        ):
            block.caption = True


def _is_label(block: Block) -> bool:
    """A short plain line that is no sentence, no heading and no name: under a picture it says what is on it."""
    size = len(block.text)
    if re.search(r"title|head|tit\b|sub", block.cues.rsplit(" ", 1)[-1]):
        return False
    if not 12 <= size < 150 or _ENDS_AS_SENTENCE.search(block.text) or block.bold * 2 >= size or block.align == "right" or block.in_list:
        return False
    return block.tag in ("p", "div", "td", "span", "center") and read_byline(block.text) is None


def _usual_align(blocks: list[Block]) -> str:
    """The alignment that most of the text has."""
    sizes: dict[str, int] = {}
    for block in blocks:
        sizes[block.align] = sizes.get(block.align, 0) + len(block.text)
    return max(sizes, key=lambda key: sizes[key]) if sizes else ""


def _is_links(block: Block) -> bool:
    return block.link * 10 >= len(block.text) * 7


def _drop_related(blocks: list[Block], body: Body, lead: str) -> list[Block]:
    kept: list[Block] = []
    lead_lines = [_squeeze(line) for line in lead.split("\n") if line.strip()]
    whole_lead = _squeeze(lead)
    in_related = False
    for block in blocks:
        if block.image:
            if not block.boilerplate:
                kept.append(block)
            continue
        size = len(block.text)
        squeezed = _squeeze(block.text)
        drop = (
            block.boilerplate
            or not squeezed
            or (_is_links(block) and not _TEXT_CREDIT.match(block.text) and size < 300 and not (block.caption and not block.link))
            or (_LEAD_IN.match(block.text) and (size < 90 or block.link > 10 or block.text.lstrip().startswith((">>", "»"))))
            or (lead_lines and len(kept) < 12 and (squeezed in lead_lines or (len(squeezed) > 30 and squeezed in whole_lead)))
            or is_stamp(block.text)
            or (size < 300 and _INVITATION.match(block.text) is not None)
            or (size < 600 and _IMPRINT.search(block.text) is not None and _CONTACT.search(block.text) is not None)
            or bool(
                re.fullmatch(
                    r"(?:\d+\s*)?(?:bình luận|like|share|chia sẻ|thích|tweet|in trang|print|email|aa|quay lại|\[quay lại\])\W*",
                    block.text,
                    re.IGNORECASE,
                )
            )
        )
        # Plain lines of a list that follows a "Tin liên quan" are related too, though they carry no link of their own.
        if drop and _LEAD_IN.match(block.text) and size < 60 and not block.boilerplate:
            in_related = True
        elif in_related and (block.in_list or block.link) and size < 200:
            drop = True
        elif not drop:
            in_related = False
        if drop:
            body.dropped.append(block.text)
        else:
            kept.append(block)
    return kept


def _cut_tail(blocks: list[Block], body: Body) -> list[Block]:
    """End at the heading of comments, or of related articles behind which nothing like the text above follows (a box stays)."""
    weights = [0 if block.boilerplate or _is_links(block) else len(block.text) for block in blocks]
    total, above = sum(weights), 0
    usual: dict[tuple[str, str], int] = {}
    for block, weight in zip(blocks, weights, strict=True):
        usual[block.tag, block.cues] = usual.get((block.tag, block.cues), 0) + weight
    text_like = max(usual, key=lambda key: usual[key]) if usual else ("", "")
    for place, block in enumerate(blocks):
        if block.text and len(block.text) < 60 and CLOSING.match(block.text) and not block.text.rstrip().endswith((".", ",")):
            comments = bool(_COMMENT_HEADING.match(block.text))
            if above * 10 > total * 4 and (
                comments
                or (
                    (total - above - weights[place]) * 4 < total
                    and not any((b.tag, b.cues) == text_like for b in blocks[place + 1 :] if len(b.text) > 3)
                )
            ):
                body.dropped.extend(later.text for later in blocks[place:] if later.text)
                return blocks[:place]
        above += weights[place]
    return blocks


def _take_byline(blocks: list[Block], body: Body, site: str) -> list[Block]:
    """Take the lines of authors and credits off the end (and those that the markup calls so from anywhere)."""
    removed: set[int] = set()
    texts = [place for place, block in enumerate(blocks) if block.text]
    lines: list[Byline] = []
    for rank, place in enumerate(reversed(texts)):
        block = blocks[place]
        if rank >= 6:
            break
        line = read_byline(block.text, site, block.href)
        marked = bool(_AUTHOR_CUE.search(block.cues)) and len(block.text) < 100
        if line is None:
            if block.caption or (len(block.text) < 25 and not _ENDS_AS_SENTENCE.search(block.text)):
                continue
            break
        if block.caption and not marked and not (line.credits and not line.authors):
            continue
        certain = (
            marked
            or block.align == "right"
            or bool(line.credits)
            or (block.bold + block.italic) * 10 >= len(block.text) * 6
            or bool(re.match(r"^\s*\(?(?:tin|bài|theo|nguồn|thực hiện|pv|phóng viên|ảnh|tác giả)\b", block.text, re.IGNORECASE))
            or (bool(lines) and len(block.text) < 30)
            or (
                rank == 0
                and not block.text.endswith((".", "!", "?"))
                and (all(is_person(name) for name in line.authors) or len(block.text) < 30)
            )
        )
        if not certain or (block.in_list and not marked) or block.tag in ("h2", "h3", "h4"):
            break
        removed.add(place)
        lines.append(line)
    lines.reverse()
    for place, line in enumerate(lines):
        # "Theo Thu Hằng" above "Trí Thức Trẻ": two lines of one credit, the first is the person.
        following = lines[place + 1] if place + 1 < len(lines) else Byline()
        person = len(line.credits) == 1 and " " in line.credits[0] and is_name(line.credits[0]) and not is_outlet(line.credits[0], site)
        named = person and not line.authors and following.credits and not following.authors
        body.byline.add(Byline(authors=line.credits) if named else line)
    for place in texts:
        block = blocks[place]
        if place in removed or not _AUTHOR_CUE.search(block.cues) or len(block.text) > 100 or block.caption:
            continue
        line = read_byline(block.text, site, block.href)
        if line is not None:
            removed.add(place)
            body.byline.add(line)
    for place in texts[:2]:
        block = blocks[place]
        if place in removed or len(block.text) > 90 or block.caption or block.tag in ("h2", "h3", "h4"):
            continue
        line = read_byline(block.text, site, block.href)
        if line is not None and line.authors and (has_day(block.text) or all(is_person(name) for name in line.authors)):
            removed.add(place)
            body.byline.add(line)
    if texts and not removed:
        _cut_inline_byline(blocks[texts[-1]], body, site)
    for place in removed:
        body.dropped.append(blocks[place].text)
    return [block for place, block in enumerate(blocks) if place not in removed]


def _cut_inline_byline(block: Block, body: Body, site: str) -> None:
    """A byline at the end of the last paragraph: "… đến hết năm./. (Theo TTXVN)"."""
    found = re.search(r"(?<=[.!?…/])\s*[\[(]?\s*((?:Theo|Nguồn)\s*:?\s+[^.()]{2,40}(?:\([^)]{2,30}\))?)\s*[\])]?\s*$", block.text)
    if found and len(block.text) - len(found.group(0)) > 60:
        line = read_byline(found.group(1), site, "")
        if line is not None and (line.credits or line.authors):
            body.byline.add(line)
            block.text = block.text[: found.start()].rstrip()


def _lead_of(paragraphs: list[Block], descriptions: Sequence[str]) -> str:
    """The summary at the beginning: a paragraph that is set apart from those after it; empty when none is."""
    if len(paragraphs) < 3:
        return ""
    first, rest = paragraphs[0], paragraphs[1:6]
    size = len(first.text)
    if not 40 <= size <= 900 or first.text.endswith(":"):
        return ""
    if LEAD_CUE.search(first.cues) and not LEAD_CUE.search(rest[0].cues):
        return first.text
    if first.tag in ("h2", "h3", "h4", "h5") and size > 70 and all(block.tag != first.tag or len(block.text) < 70 for block in rest):
        return first.text
    squeezed = _squeeze(first.text)
    if any(_squeeze(text).startswith(squeezed) for text in descriptions) and all((b.tag, b.cues) != (first.tag, first.cues) for b in rest):
        return first.text
    bold = first.bold * 10 >= size * 9
    if bold and size >= 60 and sum(1 for block in rest if block.bold * 10 >= len(block.text) * 9 and len(block.text) > 60) == 0:
        return first.text
    return ""
