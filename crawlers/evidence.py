"""A package that shows what an article said, when, and how it changed: for a lawyer, an inspector, a complaint. Imports no Scrapy.

A ZIP with the archived records as they lie in the archive, the pages, the texts, what changed word by word, and SHA256SUMS over all of it,
so that anybody can check it with `sha256sum -c SHA256SUMS`, and open the records with any program that reads WARC.
"""

from __future__ import annotations

import hashlib
import html
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crawlers.archive import read_further, read_record, record_bytes
from crawlers.compression import BadCompression, TooMuch
from crawlers.pages import FetchedPage, read_page
from crawlers.revisions import PARTS, History, KeptText, Piece
from diembao.article import ArchiveRecord
from diembao.clock import VIETNAM
from diembao.errors import ArchiveError

MANIFEST = "SHA256SUMS"

Photographer = Callable[[bytes], bytes]
"""Makes a PNG of an archived page's HTML."""

_PARTS = {"title": "tiêu đề", "lead": "sapo", "body": "nội dung"}
_AWAY = {
    "gone": "máy chủ trả lời đã gỡ (HTTP 410)",
    "not_found": "máy chủ trả lời không tìm thấy (HTTP 404)",
    "left_site": "địa chỉ dẫn sang trang khác",
    "not_article": "địa chỉ còn trả lời nhưng không còn bài viết",
}


@dataclass
class Package:
    """What was packed.

    Attributes:
        path: the ZIP file.
        files: SHA-256 (hex) of each file in it, by name.
        missing: what should be in it and is not, one line each.
    """

    path: Path
    files: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Capture:
    """An answer as it lies in the archive.

    Attributes:
        url: the address that answered.
        status: HTTP status.
        server_address: the server's IP address; empty when it is not known.
        captured_at: when it was fetched (aware UTC).
        payload_sha256: SHA-256 (hex) of the answer's body as it was sent; the archive's own digest was checked against it.
        archive: where it lies.
    """

    url: str
    status: int
    server_address: str
    captured_at: datetime
    payload_sha256: str
    archive: ArchiveRecord


def captured(archive: Path, record: ArchiveRecord) -> Capture:
    """What lies at `record`, for a person who wants to know how sure it is.

    Args:
        archive: folder of the WARC files.
        record: of an article (`Article.archive`) or of the answer that says that it is gone (`Away.archive`).

    Raises:
        ArchiveError: when the file is missing, the record is damaged, or its SHA-256 digest does not match.
    """
    return _capture(read_record(archive, record), record)


def _further(archive: Path, record: ArchiveRecord) -> tuple[list[tuple[int, ArchiveRecord]], list[int]]:
    """(number, record) of each later page of an article on several pages, and the numbers of those that could not be had."""
    further = read_further(archive, record)
    whole = read_page(read_record(archive, record), None, [page for _, page in further])
    return [(page.part, behind) for behind, page in further], whole.article.missing_pages if whole.article else []


def _capture(page: FetchedPage, record: ArchiveRecord) -> Capture:
    return Capture(page.url, page.status, page.ip, page.fetched_at, hashlib.sha256(page.payload).hexdigest(), record)


def pack(path: Path, found: History, archive: Path, office: str, now: datetime, photograph: Photographer | None = None) -> Package:
    """Write the package of the article `found` to `path`; an archived record that cannot be read is named as missing, not passed over.

    Args:
        path: the ZIP file; replaced when it is there.
        found: the article's history.
        archive: folder of the WARC files.
        office: name of who makes the package.
        now: when it is made (aware).
        photograph: makes a picture of each page; None: no pictures.

    Raises:
        OSError: when the file cannot be written.
    """
    package = Package(path)
    draft = path.with_name(f"{path.name}.tmp")
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as bundle:

        def add(name: str, data: bytes) -> None:
            entry = zipfile.ZipInfo(name, now.astimezone(VIETNAM).timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            bundle.writestr(entry, data)
            package.files[name] = hashlib.sha256(data).hexdigest()

        def capture(folder: str, name: str, record: ArchiveRecord | None, what: str) -> dict[str, Any]:
            if record is None:
                package.missing.append(f"{what}: không có bản ghi WARC / no WARC record")
                return {}
            try:
                raw = record_bytes(archive, record)
                page = read_record(archive, record)
                body = page.body()
            except (ArchiveError, TooMuch, BadCompression) as error:
                package.missing.append(f"{what}: {error}")
                return {"archive": record.model_dump(), "problem": str(error)}
            add(f"{folder}/{name}.warc.gz", raw)
            is_page = not page.ask or "html" in (page.content_type or "")
            add(f"{folder}/{name}.{'html' if is_page else 'json' if 'json' in (page.content_type or '') else 'txt'}", body)
            lines = [f"HTTP {page.status}", *(f"{key}: {value}" for key, value in page.headers)]
            add(f"{folder}/{name}-headers.txt", ("\n".join(lines) + "\n").encode())
            if photograph is not None and is_page:
                try:
                    add(f"{folder}/{name}.png", photograph(body))
                except ArchiveError as error:
                    package.missing.append(f"{what}: {error}")
            seen = _capture(page, record)
            return {**vars(seen), "captured_at": seen.captured_at.isoformat(), "archive": record.model_dump()}

        timeline: list[dict[str, Any]] = []
        for text in found.texts:
            folder = f"ban-{text.revision:02d}"
            add(f"{folder}/text.txt", _text(text).encode())
            seen = capture(folder, "page", text.archive, f"bản {text.revision}")
            if text.archive is not None and "problem" not in seen:
                further, lacking = _further(archive, text.archive)
                pages = [
                    capture(folder, f"page-{number:02d}", record, f"bản {text.revision}, trang {number}") for number, record in further
                ]
                seen |= {"further_pages": pages} if pages else {}
                seen |= {"missing_pages": lacking} if lacking else {}
            moment = text.fetched_at.isoformat() if text.fetched_at else None
            timeline.append({"event": "revision", "revision": text.revision, "at": moment, "content_hash": text.content_hash, **seen})
        for before, after, parts in found.changes():
            name = f"thay-doi/{before.revision:02d}-{after.revision:02d}"
            add(f"{name}.html", _changes_page(found, before, after, parts).encode())
            add(f"{name}.txt", _changes_text(parts).encode())
        for number, away in enumerate(found.away, start=1):
            seen = capture(f"go-bo-{number:02d}", "answer", away.archive, f"lần gỡ {number}")
            timeline.append(
                {
                    "event": "removed",
                    "at": away.found_at.isoformat(),
                    "last_seen_at": away.last_seen_at.isoformat() if away.last_seen_at else None,
                    "last_checked_at": away.checked_at.isoformat(),
                    "checks": away.checks,
                    "restored_at": away.restored_at.isoformat() if away.restored_at else None,
                    "fate": away.fate,
                    "detail": away.detail,
                    **seen,
                }
            )
        timeline.sort(key=lambda event: event["at"] or "")
        summary = {
            "id": found.id,
            "url": found.url,
            "source": found.source,
            "first_seen_at": found.first_seen_at.isoformat() if found.first_seen_at else None,
            "removed_at": found.removed_at.isoformat() if found.removed_at else None,
            "made_at": now.astimezone(UTC).isoformat(),
            "made_by": office,
            "missing": package.missing,
            "timeline": timeline,
        }
        add("timeline.json", (json.dumps(summary, ensure_ascii=False, indent=1) + "\n").encode())
        add("DOC-TRUOC.txt", _read_first(found, timeline, package, office, now).encode())
        manifest = "".join(f"{digest}  {name}\n" for name, digest in sorted(package.files.items()))
        add(MANIFEST, manifest.encode())
    draft.replace(path)
    return package


def _text(text: KeptText) -> str:
    return f"{text.title}\n\n{text.lead}\n\n{text.body}\n"


def _changes_text(parts: dict[str, list[Piece]]) -> str:
    """Words in [-…-] went, words in {+…+} came."""
    lines = []
    for name, pieces in parts.items():
        lines.append(f"{_PARTS[name].upper()} / {name}")
        lines.append("".join(_marked(piece) for piece in pieces) + "\n")
    return "\n".join(lines)


def _marked(piece: Piece) -> str:
    return {"same": piece.text, "removed": f"[-{piece.text}-]", "added": f"{{+{piece.text}+}}"}[piece.change]


def _changes_page(found: History, before: KeptText, after: KeptText, parts: dict[str, list[Piece]]) -> str:
    tags = {"removed": "del", "added": "ins"}
    sections = []
    for name in PARTS:
        if name in parts:
            words = "".join(_tagged(piece, tags.get(piece.change)) for piece in parts[name])
            sections.append(f"<h2>{_PARTS[name].capitalize()}</h2><p>{words}</p>")
    heading = f"Thay đổi từ bản {before.revision} ({_local(before.fetched_at)}) đến bản {after.revision} ({_local(after.fetched_at)})"
    return (
        '<!doctype html><html lang="vi"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{html.escape(heading)}</title><style>body{{font:16px/1.6 serif;max-width:46em;margin:2em auto;padding:0 1em}}"
        "p{white-space:pre-wrap}del{background:#fdd}ins{background:#dfd}</style></head><body>"
        f"<h1>{html.escape(heading)}</h1><p>{html.escape(found.url or found.id)}</p>"
        "<p><del>bị bỏ / removed</del> <ins>thêm vào / added</ins></p>"
        f"{''.join(sections)}</body></html>\n"
    )


def _tagged(piece: Piece, tag: str | None) -> str:
    text = html.escape(piece.text)
    return f"<{tag}>{text}</{tag}>" if tag else text


def _local(moment: datetime | None) -> str:
    return f"{moment.astimezone(VIETNAM):%H:%M:%S %d/%m/%Y}" if moment else "không rõ / unknown"


def _both(text: str | None) -> str:
    if text is None:
        return "không rõ thời điểm / unknown"
    moment = datetime.fromisoformat(text)
    return f"{_local(moment)} (giờ Việt Nam; {moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ})"


def _event(event: dict[str, Any]) -> str:
    when = _both(event["at"])
    digest = f"\n    SHA-256 của nội dung máy chủ gửi: {event['payload_sha256']}" if "payload_sha256" in event else ""
    if event["event"] == "revision":
        lacking = ", ".join(map(str, event.get("missing_pages", [])))
        without = f" Không tải được trang {lacking} của bài, nên bản này thiếu nội dung trang đó." if lacking else ""
        return f"- {when}: thu được bản {event['revision']} (thư mục ban-{event['revision']:02d}).{without}{digest}"
    seen = f" Lần cuối còn thấy bài: {_both(event['last_seen_at'])}." if event["last_seen_at"] else ""
    again = f" Thấy lại bài: {_both(event['restored_at'])}." if event["restored_at"] else ""
    detail = event["detail"] or "không có chi tiết"
    checks = f" Kiểm tra {event['checks']} lần, lần gần nhất {_both(event['last_checked_at'])}."
    what = _AWAY.get(event["fate"], event["fate"])
    return f"- {when}: không còn bài tại địa chỉ: {what} ({detail}).{seen}{checks}{again}{digest}"


def _read_first(found: History, timeline: list[dict[str, Any]], package: Package, office: str, now: datetime) -> str:
    missing = "\n".join(f"- {line}" for line in package.missing) or "- Không thiếu gì. / Nothing."
    photographs = any(name.endswith(".png") for name in package.files)
    pictures = (
        "\n  page.png             ảnh chụp, dựng lại từ HTML đã lưu; không tải thêm gì từ mạng, nên thiếu hình ảnh và kiểu chữ của trang\n"
        if photographs
        else "\n"
    )
    return f"""HỒ SƠ CHỨNG CỨ VỀ MỘT BÀI BÁO TRÊN MẠNG
=======================================

Bài:        {" ".join(found.texts[-1].title.split())}
Địa chỉ:    {found.url or "(không thu thập từ mạng)"}
Mã bài:     {found.id}
Nguồn:      {found.source}
Lập bởi:    {office}
Lập lúc:    {_both(now.isoformat())}
Tình trạng: {"ĐÃ GỠ, phát hiện lúc " + _both(found.removed_at.isoformat()) if found.removed_at else "lần kiểm tra gần nhất vẫn còn"}

DIỄN BIẾN
{chr(10).join(_event(event) for event in timeline)}

CÒN THIẾU
{missing}

TRONG HỒ SƠ CÓ GÌ
  ban-01, ban-02, …    từng bản của bài, theo thứ tự thời gian
  page.warc.gz         bản ghi gốc theo chuẩn WARC 1.1 (ISO 28500): câu trả lời của máy chủ và yêu cầu của chúng tôi, chép nguyên từng byte
                       từ kho lưu trữ; có thời điểm thu, địa chỉ máy chủ và mã SHA-256
  page.html            trang HTML lấy ra từ bản ghi đó; page.json: câu trả lời của một API (tên người viết và số cá nhân đã bỏ
                       trước khi lưu)
  page-headers.txt     trạng thái và tiêu đề HTTP
  page-02.…            của bài nhiều trang: trang 2, 3, …
  text.txt             tiêu đề, sapo và nội dung đọc được từ trang{pictures}\
  thay-doi             khác nhau giữa hai bản liền nhau, từng từ: [-bị bỏ-], {{+thêm vào+}}; bản .html tô màu
  go-bo-01, …          câu trả lời của máy chủ khi bài không còn
  timeline.json        diễn biến, cho máy đọc
  SHA256SUMS           mã SHA-256 của mọi tệp

CÁCH KIỂM TRA
1. Giải nén, rồi trong thư mục đó chạy:   sha256sum -c SHA256SUMS
   (Windows: certutil -hashfile TÊN_TỆP SHA256, so với dòng tương ứng trong SHA256SUMS.)
   Mọi dòng phải là "OK": không tệp nào bị sửa sau khi lập hồ sơ.
2. Mở page.warc.gz bằng bất kỳ phần mềm đọc WARC nào (ví dụ ReplayWeb.page), hoặc: warcio check page.warc.gz
   để thấy nội dung khớp với mã SHA-256 ghi lúc thu.
3. Thời điểm là giờ của máy thu thập lúc nhận câu trả lời. Mã SHA-256 cho biết tệp có bị sửa hay không; hồ sơ không kèm dấu thời gian
   của bên thứ ba. Cần giá trị pháp lý cao hơn, hãy lập vi bằng hoặc đóng dấu thời gian cho tệp ZIP ngay khi lập.

ENGLISH
Evidence about one article on the web, made by {office} at {now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}.
ban-NN: its revisions (page.warc.gz: the server's answer and our request, byte for byte from the archive, WARC 1.1; page.html, or
page.json when an API answered: names of those who wrote and personal numbers were left out before it was kept; HTTP headers; extracted
text). thay-doi: what changed, word by word. go-bo-NN: the server's answer when the article was gone. timeline.json: the
same for machines. Check with `sha256sum -c SHA256SUMS`; the records with any WARC reader. Times are the clock of the collecting
machine; there is no third-party time stamp.
"""
