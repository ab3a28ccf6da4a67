"""Citizens' feedback: files as offices have them, columns, dates, masking, and what becomes of the records."""

from __future__ import annotations

import csv
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner

from cli.indexing import import_
from diembao.errors import InputError, UsageError
from diembao.privacy import mask_senders_numbers
from diembao.settings import PROJECT, Settings
from diembao.state import Erasure, State
from diembao.taxonomy import read_taxonomy
from index import feedback_file, open_engine
from index.corrections import correct, history
from index.export import write_csv
from index.feedback import Sorted, keep_records, number_to_keep, read_records, rejected_csv, remember, remembered, sort_out, topics_of
from index.feedback_columns import columns_for, field_of, is_personal, proposed
from index.feedback_file import MOST_ROWS, Table, form_of, read_table, table_of

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
HEADINGS = ["Mã phiếu", "Họ và tên", "Số điện thoại", "Nội dung", "Ngày gửi", "Lĩnh vực", "Trạng thái"]
ROW = [
    "PA-1",
    "Trần Văn Kín",
    "0912345678",
    "Đường ngập nước, xin kiểm tra giúp bà con",
    "20/11/2026 07:30",
    "Tài nguyên và môi trường",
    "Mới",
]


def workbook(*rows: list[Any], **more: Any) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    for cells in more.get("merged", ()):
        sheet.merge_cells(cells)
    if more.get("since_1904"):
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def table(*rows: list[Any]) -> Table:
    return read_table(workbook(*rows), "xlsx")


def records(found: Table, source: str = "hotline", **chosen: str) -> Sorted:
    taken, rejected = read_records(found, columns_for(found.headings, chosen), source, TAXONOMY, NOW)
    return Sorted(new=taken, rejected=rejected)


def csv_of(encoding: str, text: str) -> bytes:
    return text.encode(encoding)


CSV = "Mã phiếu;Họ tên;Nội dung;Ngày gửi\nPA-1;Trần Văn Kín;Đường ngập nước, xin kiểm tra giúp bà con;20/11/2026 07:30\n"


# --- encodings ---


def tcvn3_bytes(text: str) -> bytes:
    from diembao.old_fonts import TCVN3_LETTERS

    back = {chr(new): old for old, new in TCVN3_LETTERS.items()}
    return "".join(chr(back[letter]) if letter in back else letter for letter in text).encode("latin-1")


VNI = "Maõ phieáu;Hoï teân;Noäi dung;Ngaøy göûi\nPA-1;Traàn Vaên Kín;Ñöôøng ngaäp nöôùc, xin kieåm tra giuùp baø con;20/11/2026 07:30\n"


def windows_1258(text: str) -> bytes:
    import unicodedata

    out = []
    for letter in text:
        parts = unicodedata.normalize("NFD", letter)
        tones = [part for part in parts if part in "\u0300\u0301\u0303\u0309\u0323"]
        base = unicodedata.normalize("NFC", "".join(part for part in parts if part not in tones))
        out.append(base + "".join(tones))
    return "".join(out).encode("cp1258")


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (CSV.encode(), ""),
        (CSV.encode("utf-8-sig"), ""),
        (CSV.encode("utf-16"), "UTF-16-LE"),
        (b"\xfe\xff" + CSV.encode("utf-16-be"), "UTF-16-BE"),
        (CSV.encode("utf-16-le"), "UTF-16-LE"),
        (CSV.encode("utf-32"), "UTF-32-LE"),
        (windows_1258(CSV), "Windows-1258"),
        (tcvn3_bytes(CSV), "TCVN3"),
        (VNI.encode("latin-1"), "VNI"),
        (CSV.replace("\n", "\r\n").encode(), ""),
        (CSV.replace(";", "\t").encode("utf-16"), "UTF-16-LE"),
        (CSV.replace("nước,", "nước").replace(";", ",").encode(), ""),
        (b"sep=;\r\n" + CSV.encode(), ""),
    ],
)
def test_a_table_is_read_whatever_its_encoding(content: bytes, note: str) -> None:
    found = read_table(content, "csv")
    (record,) = records(found).new
    assert record.article.body.replace(",", "") == "Đường ngập nước xin kiểm tra giúp bà con"
    assert record.article.published_at == datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
    assert note in " ".join(found.notes)
    assert bool(note) == bool(found.notes)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (bytes(range(128, 256)) * 20, "encoding"),
        ("Mã,Nội dung\n1,đườ".encode()[:-1], "cut off"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 100, "old or locked"),
        (b"\xff\xfe" + b"a\0b", "broken"),
        (b"%PDF-1.4", "no text"),
        (b"\x1f\x8b\x08", "no text"),
    ],
)
def test_what_is_no_text_says_what_to_do(content: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as found:
        read_table(content, "csv")
    assert ".xlsx" in found.value.hint or "again" in found.value.hint


# --- tables ---


def test_titles_above_and_two_rows_of_headings_are_understood() -> None:
    found = read_table(
        workbook(
            ["BÁO CÁO PHẢN ÁNH QUA TỔNG ĐÀI 1022"],
            ["Từ ngày 01/11/2026 đến ngày 20/11/2026"],
            [],
            ["STT", "Mã phiếu", "Người gửi", None, "Nội dung", "Ngày gửi"],
            [None, None, "Họ tên", "SĐT", None, None],
            [1, "PA-1", "Trần Văn Kín", "0912345678", "Đường ngập nước", "20/11/2026"],
            [],
            [2, "PA-2", "Lê Thị Giấu", "0987654321", "Đèn hỏng", "19/11/2026"],
            merged=("A1:F1", "A2:F2", "C4:D4", "A4:A5", "B4:B5"),
        ),
        "xlsx",
    )
    assert found.heading_row == 4
    assert "Người gửi: SĐT" in found.headings
    done = records(found)
    assert [(record.number, record.position, record.article.body) for record in done.new] == [
        ("PA-1", "row 6", "Đường ngập nước"), ("PA-2", "row 8", "Đèn hỏng")
    ]  # fmt: skip
    assert not done.rejected


def test_the_same_heading_twice_is_two_columns() -> None:
    found = table(["Mã", "Nội dung", "Nội dung", "Ngày"], ["1", "Hỏi", "Đáp", "20/11/2026"])
    assert found.headings == ("Mã", "Nội dung", "Nội dung (2)", "Ngày")
    (record,) = records(found, response="Nội dung (2)").new
    assert (record.article.body, record.response) == ("Hỏi", "Đáp")


def test_the_sheet_with_the_records_is_chosen() -> None:
    book = openpyxl.Workbook()
    book.active.append(["Trang bìa", "x"])
    sheet = book.create_sheet("Dữ liệu")
    sheet.append(HEADINGS)
    sheet.append(ROW)
    hidden = book.create_sheet("Ẩn")
    hidden.append(HEADINGS)
    hidden.append(["PA-9", *ROW[1:]])
    hidden.sheet_state = "hidden"
    stream = io.BytesIO()
    book.save(stream)
    found = read_table(stream.getvalue(), "xlsx")
    assert [record.number for record in records(found).new] == ["PA-1"]
    assert "Dữ liệu" in found.notes[0]


def test_numbers_dates_and_formulas_of_a_workbook() -> None:
    rows = [
        ["Mã", "Nội dung", "Ngày"],
        [20261120001, "Số nguyên", datetime(2026, 11, 20, 7, 30)],
        [7.0, "Số thực", 46346.3125],
        ["PA-3", 912345678, "2026-11-20"],
        ["PA-4", "=1+1", "20/11/2026"],
        ["PA-5", "Lỗi", "#REF!"],
    ]
    done = records(table(*rows))
    found = {record.number: record.article for record in done.new}
    assert found["20261120001"].published_at == datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
    assert found["7"].published_at == datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
    assert found["PA-3"].body == "xxxxxxxxx"
    assert found["PA-3"].published_precision == "day"
    assert {one.position: one.problem.split(": ")[1][:20] for one in done.rejected} == {
        "row 5": "không có nội dung / ",
        "row 6": "'#REF!' không phải n",
    }


def test_days_that_are_counted_from_1904_are_right() -> None:
    found = read_table(workbook(["Mã", "Nội dung", "Ngày"], ["1", "x", datetime(2026, 11, 20, 7, 30)], since_1904=True), "xlsx")
    (record,) = records(found).new
    assert record.article.published_at == datetime(2026, 11, 20, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20/11/2026 07:30", "00:30"), ("20-11-2026 7:30", "00:30"), ("20.11.2026 07:30:15", "00:30"), ("7:30 20/11/2026", "00:30"),
        ("07:30, ngày 20/11/2026", "00:30"), ("20/11/26 07:30", "00:30"), ("2026-11-20T07:30:00+07:00", "00:30"),
        ("2026/11/20 07:30", "00:30"),
        ("20/11/2026 7:30 SA", "00:30"), ("19/11/2026 7:30:00 CH", "12:30"), ("20/11/2026 7h30", "00:30"), ("46346.3125", "00:30"),
        ("20/11/2026", "17:00"), ("46346", "17:00"), ("2026-11-20T00:30:00Z", "00:30"), ("2026-11-20 00:00:00", "17:00"),
    ],
)  # fmt: skip
def test_dates_as_offices_write_them(text: str, moment: str) -> None:
    (record,) = records(table_of([("record 1", {"Mã": "1", "Nội dung": "x", "Ngày": text})])).new
    assert f"{record.article.published_at:%H:%M}" == moment
    assert record.article.published_precision == ("day" if moment == "17:00" else "minute")


def test_a_table_of_american_dates_is_read_as_one_and_a_mixed_one_is_refused_in_parts() -> None:
    rows = [(f"record {n}", {"Mã": str(n), "Nội dung": "x", "Ngày": text}) for n, text in enumerate(["11/02/2026", "11/19/2026"])]
    assert [f"{record.article.published_at + timedelta(hours=7):%d.%m}" for record in records(table_of(rows)).new] == ["02.11", "19.11"]
    rows.append(("record 9", {"Mã": "9", "Nội dung": "x", "Ngày": "19/11/2026"}))
    mixed = records(table_of(rows))
    assert [one.position for one in mixed.rejected] == ["record 1"]


@pytest.mark.parametrize("text", ["hôm qua", "32/13/2026", "20/11/2027", "01/01/1990", "99999999999999", "20/11/2026 99:00", "11:00"])
def test_a_date_that_cannot_be_is_named_and_holds_up_no_other(text: str) -> None:
    rows = [("record 1", {"Mã": "1", "Nội dung": "x", "Ngày": text}), ("record 2", {"Mã": "2", "Nội dung": "y", "Ngày": ""})]
    done = records(table_of(rows))
    assert [one.position for one in done.rejected] == ["record 1"]
    assert [record.number for record in done.new] == ["2"]
    assert done.new[0].article.published_at is None


def test_a_number_twice_is_one_record_or_a_contradiction() -> None:
    rows = [["Mã", "Nội dung"], ["1", "một"], ["1", "một"], ["2", "hai"], ["2", "khác"]]
    done = records(table(*rows))
    assert [record.number for record in done.new] == ["1", "2"]
    assert [one.position for one in done.rejected] == ["row 5"]
    assert "row 4" in done.rejected[0].problem


def test_a_text_with_separators_that_is_not_quoted_is_named() -> None:
    found = read_table('Mã,Nội dung,Ngày\n1,một, hai, ba,20/11/2026\n2,"một, hai",20/11/2026\n'.encode(), "csv")
    done = records(found)
    assert [record.article.body for record in done.new] == ["một, hai"]
    assert "ngoặc kép" in done.rejected[0].problem


# --- hostile files ---


def bomb() -> bytes:
    good = workbook(HEADINGS, ROW)
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as source, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        for member in source.infolist():
            target.writestr(member, source.read(member))
        target.writestr("xl/worksheets/big.xml", b"0" * 6_000_000)
    return stream.getvalue()


def liar() -> bytes:
    """A workbook whose sheet unpacks to more than the directory says."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("[Content_Types].xml", "<Types/>")
        target.writestr("xl/workbook.xml", b"0" * 30_000_000)
    content = bytearray(stream.getvalue())
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = content.rfind(mark)
        content[start + place : start + place + 4] = struct.pack("<I", 100)
        content[start + place - 8 : start + place - 4] = struct.pack("<I", zlib.crc32(b"0" * 100))
    return bytes(content)


def with_entities() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(HEADINGS, ROW))) as source, zipfile.ZipFile(stream, "w") as target:
        for member in source.infolist():
            content = source.read(member)
            if member.filename.startswith("xl/worksheets/"):
                content = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + content
            target.writestr(member, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (bomb, "too large"), (liar, "unpacked|damaged|cannot be read"), (with_entities, "document type"),
        (lambda: workbook(HEADINGS, ROW)[:-300], "unpacked"), (lambda: b"PK\x03\x04" + b"x" * 500, "unpacked"),
        (lambda: b"<html><table><tr><td>1</td></tr></table></html>", "web page"), (lambda: b"\xd0\xcf\x11\xe0xls", "old Excel"),
    ],
)  # fmt: skip
def test_a_hostile_workbook_ends_in_one_message(make: Any, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback_file, "MOST_UNPACKED", 5_000_000)
    with pytest.raises(InputError, match=reason):
        read_table(make(), "xlsx")


def test_macros_are_said_and_not_run() -> None:
    stream = io.BytesIO(workbook(HEADINGS, ROW))
    with zipfile.ZipFile(stream, "a") as package:
        package.writestr("xl/vbaProject.bin", b"\0")
    assert "macros" in " ".join(read_table(stream.getvalue(), "xlsx").notes)


def test_a_cell_in_the_last_corner_costs_nothing() -> None:
    book = openpyxl.Workbook()
    for row in (HEADINGS, ROW):
        book.active.append(row)
    book.active["XFD1048576"] = "xa tít"
    stream = io.BytesIO()
    book.save(stream)
    assert len(records(read_table(stream.getvalue(), "xlsx")).new) == 1


def test_too_many_rows_are_refused() -> None:
    content = ("Mã,Nội dung\n" + "1,x\n" * (MOST_ROWS + 100)).encode()
    with pytest.raises(InputError, match="hơn 100,000 dòng|more records"):
        read_table(content, "csv")
    with pytest.raises(InputError, match="JSON"):
        read_table(("[" * 200_000).encode(), "json")


@pytest.mark.parametrize("name", ["a.xls", "a.ods", "a", "a.exe", "a.xlsb"])
def test_other_formats_are_refused_by_name(name: str) -> None:
    with pytest.raises(InputError) as found:
        form_of(name)
    assert ".xlsx" in found.value.hint


# --- columns ---


def test_the_senders_columns_are_never_read() -> None:
    assert all(map(is_personal, ["Họ tên", "Người phản ánh", "SĐT", "Email", "CCCD/CMND", "Địa chỉ người gửi", "Ngày sinh", "full_name"]))
    assert not any(map(is_personal, ["Nội dung phản ánh", "Địa điểm", "Lĩnh vực", "Mã phản ánh", "Tên phản ánh", "Ngày gửi"]))
    headings = ["Mã", "Nội dung", "Họ tên", "Địa chỉ"]
    assert "address" not in columns_for(headings, {}), "beside a name it is where the sender lives"
    assert columns_for(["Mã", "Nội dung", "Địa chỉ"], {})["address"] == "Địa chỉ"
    assert columns_for(headings, {"address": "Địa chỉ"})["address"] == "Địa chỉ"
    with pytest.raises(UsageError, match="never read"):
        columns_for(headings, {"title": "Họ tên"})


def test_what_staff_chose_wins_and_is_remembered(tmp_path: Path) -> None:
    headings = ["Mã", "Nội dung", "Diễn giải", "Ngày"]
    state = State(f"sqlite:///{tmp_path}/state.sqlite")
    with state.session() as session:
        remember(session, "app", columns_for(headings, {"body": "Diễn giải", "date": ""}), "an", NOW)
    with state.session() as session:
        known = remembered(session, "app")
        assert remembered(session, "other") == {}
    state.close()
    assert columns_for(headings, {}, known) == {"number": "Mã", "body": "Diễn giải"}
    assert columns_for(headings, {"body": "Nội dung"}, known)["body"] == "Nội dung"
    assert columns_for(["Mã", "Nội dung"], {}, known)["body"] == "Nội dung", "a column that is gone is passed over"
    assert proposed(["Diễn giải", "khác"], known) == {"body": "Diễn giải"}


@pytest.mark.parametrize(
    ("chosen", "reason"),
    [
        ({"body": "X"}, "no column"),
        ({"bodi": "Mã"}, "unknown field"),
        ({"body": "Mã", "number": "Mã"}, "two fields"),
        ({"body": ""}, "text"),
    ],
)
def test_a_choice_that_cannot_be_says_why(chosen: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        columns_for(["Mã", "Nội dung"], chosen)


def test_usual_headings_are_known() -> None:
    known = {"Mã phiếu": "number", "NỘI DUNG (*)": "body", "Thời gian tiếp nhận": "date", "Lĩnh vực": "section",
    "Trạng thái xử lý": "status",
             "Đơn vị xử lý": "department", "Nội dung trả lời": "response", "Ngày trả lời": "responded", "Họ tên": None}  # fmt: skip
    assert {heading: field_of(heading) for heading in known} == known


def test_fields_of_the_citizens_system_become_topics() -> None:
    assert topics_of("Tài nguyên và Môi trường", TAXONOMY) == ("environment",)
    assert topics_of("VĂN HÓA, THỂ THAO VÀ DU LỊCH", TAXONOMY) == ("culture", "sport")
    assert topics_of("Giao thông", TAXONOMY) == ("traffic",)
    assert topics_of("Khác", TAXONOMY) == () == topics_of("", TAXONOMY)


# --- masking ---

SECRETS = [
    "0912345678", "0912 345 678", "09.12.34.56.78", "0 9 1 2 3 4 5 6 7 8", "+84 912 345 678", "(+84)912345678", "84912345678",
    "0084912345678",
    "sđt0912345678", "zalo:0912345678", "O912345678", "0912\u200b345678", "０９１２３４５６７８", "⓪⑨①②③④⑤⑥⑦⑧", "0912-345-678/0987-654-321",
    "(0273)3872777", "0912,345,678", "0912_345_678", "0912·345·678", "082090001234", "082 090 001 234", "082.090.001.234",
    "CCCD:082090001234",
    "CMND 310123456", "310123456", "C1234567", "9704 1234 5678 9012", "9704-1234-5678-9012-345", "STK 0071000123456 Vietcombank",
    "1903 2345 6789 01", "tài khoản số 123456789012345", "không chín một hai ba bốn năm sáu bảy tám", "nguyenvana1990@gmail.com",
]  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
def test_a_number_of_a_person_is_masked_however_it_is_written(secret: str) -> None:
    kept = mask_senders_numbers(f"Tôi phản ánh việc này, liên hệ {secret} giúp tôi ngay.")
    visible = sum(letter.isdigit() for letter in kept)
    assert visible <= 7, kept
    assert secret not in kept
    assert "giúp tôi ngay" in kept
    assert mask_senders_numbers(kept) == kept


@pytest.mark.parametrize(
    "text",
    [
        "Từ 07:30 ngày 20/11/2026 đến 01.12.2026", "thu 1.250.000.000 đồng", "2.500.000.000đ", "gọi 113, 1022, 1900 1009",
        "QĐ 15/2026/QĐ-UBND",
        "các năm 2020 2021 2022 2023", "tọa độ 10.4938123, 105.6881234", "Đường dây nóng: 0273.3872.777", "biển số 66C-123.45",
        "mã PA-20261120-0012",
        "dài 12.345.678 m2", "2026-11-20 07:30:00", "nhà số 012/34 hẻm 5",
    ],
)  # fmt: skip
def test_what_is_no_number_of_a_person_stays(text: str) -> None:
    assert mask_senders_numbers(text) == text


def test_numbers_of_records_stay_unless_they_are_a_persons() -> None:
    assert number_to_keep("PA-20261120-0001") == "PA-20261120-0001"
    assert number_to_keep("20261120000123") == "20261120000123"
    assert "345678" not in number_to_keep("0912345678")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "home", PROJECT / "config", "sqlite", f"sqlite:///{tmp_path / 'home' / 'state.sqlite'}")


def home(settings: Settings) -> Settings:
    settings.home.mkdir(exist_ok=True)
    return settings


def every_byte(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


NAME, LIVES_AT = "Trần Thị Giấu Kín", "số 7 hẻm Bí Mật"


def test_nothing_below_the_home_has_what_tells_who_sent_it(settings: Settings, tmp_path: Path) -> None:
    headings = ["Mã phiếu", "Họ và tên", "Số điện thoại", "Địa chỉ người gửi", "Tiêu đề", "Nội dung", "Nội dung trả lời", "Ngày gửi"]
    rows = [
        [
            f"PA-{number}",
            NAME,
            "0909111222",
            LIVES_AT,
            f"Báo tin {number}: {secret}",
            f"Nội dung {secret} hết.",
            f"Đã gọi {secret}.",
            "19/11/2026",
        ]
        for number, secret in enumerate(SECRETS)
    ]
    rows.append(["PA-X", NAME, "0909111222", LIVES_AT, "Ngày sai, gọi 0933444555", "x", "", "ngày 0933444555"])
    file = tmp_path / "phan-anh.xlsx"
    file.write_bytes(workbook(headings, *rows))
    result = CliRunner().invoke(import_, [str(file), "--json", "--rejected", str(home(settings).home / "can-sua.csv")], obj=settings)
    assert json.loads(result.stdout)["indexed"] == len(SECRETS), result.stderr
    kept = every_byte(settings.home)
    assert b"PA-3" in kept
    for secret in [*SECRETS, NAME, LIVES_AT, "0909111222", "0933444555", "909111222"]:
        for form in (secret.encode(), json.dumps(secret).strip('"').encode(), secret.encode("utf-16-le")):
            assert form not in kept, secret
    assert NAME not in result.output
    assert "0933444555" not in result.output


# --- what becomes of records ---


class Office:
    def __init__(self, settings: Settings) -> None:
        self.settings, self.state = home(settings), State(settings.database)
        self.engine = open_engine(settings)
        self.engine.prepare()

    def bring(self, *cells: dict[str, Any], source: str = "hotline", now: datetime = NOW) -> Sorted:
        found = table_of((f"record {number}", one) for number, one in enumerate(cells, start=1))
        with self.state.session() as session:
            taken, rejected = read_records(found, columns_for(found.headings, {}), source, TAXONOMY, now)
            done = sort_out(session, taken, rejected)
            keep_records(session, done.taken, now)
        return done


@pytest.fixture
def office(settings: Settings) -> Iterator[Office]:
    opened = Office(settings)
    yield opened
    opened.engine.close()
    opened.state.close()


def test_the_number_keeps_it_one_record(office: Office) -> None:
    record = {"Mã": "1", "Nội dung": "Đường ngập", "Trạng thái": "Mới"}
    assert office.bring(record).counts() == {"new": 1, "changed": 0, "updated": 0, "unchanged": 0, "rejected": 0}
    assert office.bring(record).counts()["unchanged"] == 1
    assert office.bring(record | {"Trạng thái": "Đã trả lời", "Ngày trả lời": "20/11/2026"}).counts()["updated"] == 1
    assert office.bring(record | {"Nội dung": "Đường ngập sâu"}).counts()["changed"] == 1
    assert office.bring(record, source="app").counts()["new"] == 1, "another system's number is another record"


def test_the_given_field_decides_the_topics_until_a_person_says_otherwise(office: Office) -> None:
    first = office.bring({"Mã": "1", "Nội dung": "Đường ngập", "Lĩnh vực": "Giao thông"}).new[0].article
    office.engine.upsert([first])
    with office.state.session() as session:
        (row,) = history(session, first.id)
    assert (row.value, row.given_by, row.in_force) == (["traffic"], "source:hotline", True)
    office.bring({"Mã": "1", "Nội dung": "Đường ngập", "Lĩnh vực": "Giao thông"})
    with office.state.session() as session:
        assert len(history(session, first.id)) == 1
    correct(office.state, office.engine, first.id, "topics", ["environment"], NOW, "an")
    office.bring({"Mã": "1", "Nội dung": "Đường ngập", "Lĩnh vực": "Công thương"})
    with office.state.session() as session:
        assert [row.given_by for row in history(session, first.id) if row.in_force] == ["an"]


def test_what_was_erased_is_not_taken_again(office: Office) -> None:
    article = office.bring({"Mã": "1", "Nội dung": "Đường ngập"}).new[0].article
    with office.state.session() as session:
        session.add(Erasure(article_id=article.id, asked_at=NOW, done_at=NOW))
    again = office.bring({"Mã": "1", "Nội dung": "Đường ngập"})
    assert (again.taken, len(again.rejected)) == ([], 1)


def test_rejected_records_can_be_mended_and_come_in(office: Office) -> None:
    found = table_of([("record 1", {"Mã": "1", "Nội dung": "=Đường, ngập\ngọi 0912345678", "Ngày": "32/13/2026"})])
    columns = columns_for(found.headings, {})
    _, rejected = read_records(found, columns, "hotline", TAXONOMY, NOW)
    content = rejected_csv(rejected, columns)
    (_, row) = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    assert row[1].startswith("'="), "no spreadsheet takes it for a formula"
    mended = read_table(content.replace(b"32/13/2026", b"19/11/2026"), "csv")
    (record,) = records(mended).new
    assert record.article.body == "=Đường, ngập\ngọi 091xxxxxxx"


def test_an_export_of_the_desk_is_no_table_of_records_by_chance(office: Office) -> None:
    stream = io.BytesIO()
    write_csv([office.bring({"Mã": "1", "Nội dung": "Đường ngập"}).new[0].article], stream)
    found = read_table(stream.getvalue(), "csv")
    assert len(found.rows) == 1
