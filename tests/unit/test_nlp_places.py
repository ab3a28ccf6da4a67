"""Places: units of today and before the merger, and what is named after them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from benchmarks.places import measure, measure_provinces, province_records, records_of
from diembao.article import Article
from nlp.gazetteer import gazetteer, name_key
from nlp.outlets import province_of_host
from nlp.repair import repair
from nlp.step import discover
from nlp.steps.places import places
from nlp.tagging import Tagger
from nlp.toponyms import find_places

HEADLINES = Path(__file__).parent.parent / "data" / "places" / "headlines.jsonl"


def provinces(text: str, office: str | None = None) -> set[str]:
    return {gazetteer().province_name(mention.unit.province) for mention in find_places(text, office)}


def units(text: str, office: str | None = None, published: date | None = None) -> list[str]:
    return [mention.unit.name for mention in find_places(text, office, published)]


def test_the_gazetteer_is_complete() -> None:
    every = [unit for found in gazetteer().by_key.values() for unit in found]
    today = {unit.code for unit in every if unit.valid_to is None}
    assert len(gazetteer().provinces) == 34
    assert len(today) == 34 + 3321
    former = {unit.name for unit in every if unit.level == "province" and unit.valid_to == date(2025, 6, 30)}
    kept = {unit.name for unit in every if unit.level == "province" and unit.valid_to is None and not unit.former}
    assert len(former) == 52
    assert len(kept) == 11  # were not merged
    assert {unit.province for unit in every} == set(gazetteer().provinces)
    assert {len(unit.former) for unit in gazetteer().provinces.values()} == {0, 2, 3}


def test_no_two_units_have_one_code_and_a_unit_lies_in_units() -> None:
    every = {unit for found in gazetteer().by_key.values() for unit in found}
    by_code = {unit.code: unit for unit in every}
    assert len(by_code) == len(every)
    assert {by_code[code].level for unit in every for code in unit.inside} == {"district", "province"}
    today = {unit.code for unit in every if unit.valid_to is None}
    assert all(code.isdigit() for code in today)
    assert not any(code.isdigit() for code in by_code.keys() - today)


def test_a_former_province_leads_to_todays_and_keeps_its_own_record() -> None:
    (place,) = places("Nông dân Tiền Giang được mùa", None, None)
    assert (place.code, place.name, place.level, place.province) == ("82cu", "Tỉnh Tiền Giang", "province", "Đồng Tháp")
    assert (place.valid_from, place.valid_to, place.former) == (None, date(2025, 6, 30), [])
    (place,) = places("Nông dân Đồng Tháp được mùa", None, None)
    assert (place.code, place.province, place.valid_from, place.valid_to) == ("82", "Đồng Tháp", date(2025, 7, 1), None)
    assert place.former == ["Tỉnh Tiền Giang", "Tỉnh Đồng Tháp"]


def test_provinces_bear_their_names_of_the_data() -> None:
    names = {unit.short for unit in gazetteer().provinces.values()}
    assert {"Đồng Tháp", "Hồ Chí Minh", "Thanh Hoá", "Khánh Hoà", "Huế", "Đắk Lắk"} <= names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TP.HCM, TPHCM, TP HCM, Tp. Hồ Chí Minh, Sài Gòn, T.P Hồ Chí Minh", {"Hồ Chí Minh"}),
        ("BR-VT và Bà Rịa - Vũng Tàu, Bà Rịa-Vũng Tàu", {"Hồ Chí Minh"}),
        ("Thừa Thiên - Huế, Thừa Thiên-Huế, TT-Huế, TT. Huế, TP Huế", {"Huế"}),
        ("Đắk Lắk, Đắc Lắc, Đăk Lăk, Daklak", {"Đắk Lắk"}),
        ("Thanh Hoá và Thanh Hóa, Khánh Hòa và Khánh Hoà", {"Thanh Hoá", "Khánh Hoà"}),
        ("Bắc Cạn, Kontum, Hà Tây", {"Thái Nguyên", "Quảng Ngãi", "Hà Nội"}),
        ("HÀ NỘI MƯA LỚN, NGẬP KHẮP NƠI TỐI NAY", {"Hà Nội"}),
        ("Hà NộiCông an bắt nhóm cướp", {"Hà Nội"}),
        ("TP HCMNghệ sĩ Vũ Xuân Trang", {"Hồ Chí Minh"}),
        ("quận 1, Q.3, Quận 12", {"Hồ Chí Minh"}),
        ("Quận Thủ Đức, TP Thủ Đức, TP. Vũng Tàu", {"Hồ Chí Minh"}),
        ("Đà Lạt, Nha Trang, Phú Quốc, Hội An", {"Lâm Đồng", "Khánh Hoà", "An Giang", "Đà Nẵng"}),
        ("cao tốc Hà Nội - Hải Phòng", {"Hà Nội", "Hải Phòng"}),
        ("Chặng Hà Nội - Hồ Chí Minh", {"Hà Nội", "Hồ Chí Minh"}),
        ("bay tới Quy Nhơn, Vinh, Thanh Hóa", {"Gia Lai", "Nghệ An", "Thanh Hoá"}),
        ("Sở Xây dựng Hòa Bình, Báo cáo Hòa Bình", {"Phú Thọ"}),
        ("yêu cầu Hà Nội, đường phố Hà Nội, tin báo Hà Nội", {"Hà Nội"}),
        ("(Nghi Xuân-Hà Tĩnh)", {"Hà Tĩnh"}),
        ("Công an huyện Nông Sơn", {"Đà Nẵng"}),
        ("huyện Việt Yên", {"Bắc Ninh"}),
        ("quán cà phê Hà Nội chật kín", {"Hà Nội"}),
        ("Mua lon o Ha Noi, Da Nang va TP HCM", {"Hà Nội", "Đà Nẵng", "Hồ Chí Minh"}),
        ("Hà NộiVĐV thể dục Nguyễn Minh Triết", {"Hà Nội"}),
        ("tại điểm cầu Quảng Nam, phố phường Hà Nội, các quận, huyện Hà Nội", {"Đà Nẵng", "Hà Nội"}),
        ("khu vực Bắc Hà Nội", {"Hà Nội"}),
        ("đường sắt Cát Linh - Hà Đông và cao tốc TP.HCM - Long Thành - Dầu Giây", {"Hà Nội", "Hồ Chí Minh", "Đồng Nai"}),
        ("Nho Quan: Tái diễn tình trạng học sinh đi xe máy", {"Ninh Bình"}),
        ("Huyện ủy Chư Sê kỷ luật ba người; chốt kiểm soát dịch tại Hàm Tân", {"Gia Lai", "Lâm Đồng"}),
        ("Bán nhà mặt phố Chùa Bộc, Đống Đa", {"Hà Nội"}),
        ("Cao Phong district strives to turn tourism", {"Phú Thọ"}),
        ("Đảng ủy phường Phú Nhuận họp", {"Hồ Chí Minh"}),
        ("Offshore wind in Ninh Thuan and Ho Chi Minh City", {"Khánh Hoà", "Hồ Chí Minh"}),
    ],
)
def test_names_of_places(text: str, expected: set[str]) -> None:
    assert provinces(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "CLB Hà Nội gặp CLB TP.HCM",
        "Hà Nội FC và Hà Nội T&T",
        "Sông Lam Nghệ An, Than Quảng Ninh, SHB Đà Nẵng, Becamex Bình Dương, FLC Thanh Hóa",
        "Không ai cứu nổi Long An: HLV Minh Phương và toàn đội Long An vẫn thua ở V-League",
        "đường Hà Nội, phố Huế, xa lộ Hà Nội, cầu Đồng Nai, đường Củ Chi, đường Hồ Chí Minh",
        "Chủ tịch Hồ Chí Minh, tư tưởng Hồ Chí Minh",
        "Phó Thủ tướng Trương Hòa Bình và ông Phí Thái Bình, ca sĩ Hà Giang, chị Khánh Hòa",
        "Báo Đồng Nai, Tạp chí doanh nhân Sài Gòn, Báo Sài Gòn Giải Phóng, Hà Nội Mới",
        "bún bò Huế, bưởi Năm Roi, phở Hà Nội, bia Sài Gòn",
        "Thái Bình Dương, châu Á - Thái Bình Dương",
        "giải Nobel Hòa bình, vì hòa bình",
        "Nghệ sĩ Thanh Hoa hát ở đình",
        "Tập đoàn Xây dựng Hòa Bình",
        "dự án Hòa Bình Green City, Ngân hàng TMCP Sài Gòn - Hà Nội, Ngân hàng TMCP Sài Gòn Thương Tín",
        "Phạm Quỳnh Anh và ông xã Quang Huy, hợp tác xã Thanh Sơn",
        "tiền vệ khoác áo Ninh Bình, U.17 Đồng Tháp, CĐV Hải Phòng",
        "Xuân Trường: 'Tôi ổn', Hoa hậu Thanh Thủy, sân Thống Nhất",
        "Trực tiếp bóng đá Công an Hà Nội - Tampines Rovers: Chủ nhà có bàn thứ 6 (Cúp C1 ĐNÁ)",
        "HanoiTV, phở ở số 10 Đan Phượng",
        "cổ phiếu Quốc Cường Gia Lai giảm sàn, Hoàng Anh Gia Lai báo lãi",
        "tỉnh Hà Nam (Trung Quốc)",
        "lúc 2h (giờ Hà Nội) ngày 7/2",
        "chiến dịch Điện Biên Phủ",
        "Nguyễn Trãi, Trần Hưng Đạo, Hai Bà Trưng",
        "xã hội, huyện ủy, quận trưởng, phường hội, tỉnh táo, thành phố",
        "",
        "123 456 789",
    ],
)
def test_what_is_only_named_after_a_place(text: str) -> None:
    assert provinces(text) == set()


def test_an_address_settles_common_names_from_its_end() -> None:
    assert units("xã Hòa Bình, huyện Vĩnh Bảo, TP Hải Phòng") == ["Xã Hòa Bình", "Huyện Vĩnh Bảo", "Thành phố Hải Phòng"]
    assert provinces("xã Tân Lập, huyện Mộc Châu, tỉnh Sơn La") == {"Sơn La"}
    assert provinces("huyện Châu Thành (Tiền Giang)") == {"Đồng Tháp"}
    assert provinces("huyện Châu Thành, tỉnh Bến Tre") == {"Vĩnh Long"}
    assert provinces("phường Hòa Hiệp, Liên Chiểu, Đà Nẵng") == {"Đà Nẵng"}


def test_a_common_name_is_left_open_unless_text_or_office_settle_it() -> None:
    assert units("Cháy chợ ở huyện Châu Thành") == []
    assert provinces("Cháy chợ ở huyện Châu Thành", "Đồng Tháp") == {"Đồng Tháp"}
    assert provinces("Cháy chợ ở huyện Châu Thành. Công an Trà Vinh vào cuộc") == {"Vĩnh Long"}
    assert units("ông Nguyễn Trãi ở Hà Nội") == ["Thành phố Hà Nội"]
    assert units("phường Nguyễn Trãi, TP Hà Giang")[0] == "Phường Nguyễn Trãi"


@pytest.mark.parametrize("name", ["phường Nguyễn Trãi", "xã Tân Phú", "xã Bình Minh", "phường Quang Trung", "xã Tân Lập"])
def test_a_communes_common_name_resolves_from_context_or_not_at_all(name: str) -> None:
    assert units(f"Cháy chợ ở {name}") == []
    assert units(f"Cháy chợ ở {name} lúc rạng sáng; ông Nguyễn Trãi và chị Bình Minh kêu cứu", published=date(2021, 5, 1)) == []


def test_a_districts_name_behind_a_word_of_place_is_the_district_unless_the_text_points_to_a_commune() -> None:
    assert provinces("Sạt lở ở Phú Lương") == {"Thái Nguyên"}
    assert provinces("Biệt thự không phép ở Phú Lương (Hà Đông, Hà Nội)") == {"Hà Nội"}


def test_the_province_in_the_text_picks_the_commune() -> None:
    assert units("Cháy ở phường Nguyễn Trãi, TP Hà Giang", published=date(2021, 5, 1)) == ["Phường Nguyễn Trãi", "Thành phố Hà Giang"]
    (found, _) = find_places("Cháy ở xã Tân Phú, tỉnh Đồng Tháp", published=date(2026, 5, 1))
    assert (found.unit.name, found.unit.province, found.unit.valid_to) == ("Xã Tân Phú", "82", None)
    (found, _) = find_places("Cháy ở phường Tân Phú. Công an Đồng Nai đến hiện trường", published=date(2026, 5, 1))
    assert (found.unit.name, found.unit.province) == ("Phường Tân Phú", "75")


def test_a_commune_of_another_province_does_not_slip_in() -> None:
    assert provinces("thành phố Phủ Lý phong tỏa xã Tiên Hải") == {"Ninh Bình"}


def test_mentions_stand_where_they_say() -> None:
    text = "Ngày 2/9, tại P.Tân Định, Q.1 (TP.HCM) và H. Cái Bè, tỉnh Tiền Giang"
    found = find_places(text)
    assert [text[mention.start : mention.end] for mention in found] == ["P.Tân Định", "Q.1", "TP.HCM", "H. Cái Bè", "tỉnh Tiền Giang"]


def test_the_day_of_publication_chooses_between_old_and_new() -> None:
    before, after = date(2025, 6, 30), date(2025, 7, 1)
    assert find_places("Lào Cai", published=before)[0].unit.code == "10cu"
    assert find_places("Lào Cai", published=after)[0].unit.code == "15"
    assert find_places("Yên Bái", published=after)[0].unit.valid_to == before


def test_keys_ignore_how_a_name_is_spelt() -> None:
    assert name_key("Thị xã Hoà Thành") == name_key("HÒA THÀNH") == name_key("Hòa  Thành")
    assert name_key("Huyện M'Drắk") == name_key("M’Drắk")


def test_provinces_of_the_labelled_headlines() -> None:
    right = wrong = missed = 0
    for record in map(json.loads, HEADLINES.read_text(encoding="utf-8").splitlines()):
        found = provinces(repair(f"{record['title']}\n{record['lead']}").text)
        expected = set(record["provinces"])
        assert expected <= {unit.short for unit in gazetteer().provinces.values()}
        right += len(found & expected)
        wrong += len(found - expected)
        missed += len(expected - found)
    assert right / (right + wrong) >= 0.97
    assert right / (right + missed) >= 0.95


def test_a_row_of_names_shares_the_rank_of_its_first() -> None:
    assert units("huyện Thoại Sơn và Châu Thành của An Giang", published=date(2021, 10, 1)) == [
        "Huyện Thoại Sơn", "Huyện Châu Thành", "Tỉnh An Giang"
    ]  # fmt: skip
    assert units("các xã Tân Cương, Phúc Trìu và Phúc Hà (Thái Nguyên)", published=date(2021, 10, 1))[:3] == [
        "Xã Tân Cương", "Xã Phúc Trìu", "Xã Phúc Hà"
    ]  # fmt: skip
    assert units("Các xã bị thiệt hại ở Cà Mau là Hàng Vịnh, Hiệp Tùng.", published=date(2017, 6, 1))[1:] == [
        "Xã Hàng Vịnh",
        "Xã Hiệp Tùng",
    ]


def test_of_two_districts_in_todays_province_the_former_province_beside_decides() -> None:
    found = find_places("huyện Châu Thành, tỉnh Kiên Giang và huyện Châu Thành, tỉnh An Giang", published=date(2021, 10, 1))
    assert [mention.unit.code for mention in found] == ["91cu/huyen-chau-thanh", "91cu", "89cu/huyen-chau-thanh", "89cu"]


def test_a_name_with_its_rank_elsewhere_in_the_text_is_known_without_it() -> None:
    text = "Dân Kim Sơn bức xúc\nNước kênh ở xã Kim Sơn, tỉnh Đồng Tháp đổi màu. Ông Nguyễn Kim Sơn, Công ty Kim Sơn nói gì?"
    found = find_places(text, published=date(2026, 11, 1))
    assert [(text[m.start : m.end], m.unit.name) for m in found] == [
        ("Kim Sơn", "Xã Kim Sơn"), ("xã Kim Sơn", "Xã Kim Sơn"), ("tỉnh Đồng Tháp", "Tỉnh Đồng Tháp")
    ]  # fmt: skip


def test_a_communes_name_behind_a_word_of_place_means_that_at_home() -> None:
    day = date(2026, 11, 1)
    assert units("Nhà mình ở Kim Sơn: nước kênh đen ngòm", "Đồng Tháp", day) == ["Xã Kim Sơn"]
    assert units("Nhà mình ở Kim Sơn: nước kênh đen ngòm", None, day) == []
    assert provinces("Nhà mình ở Kim Sơn, Quảng Ninh chỉ mưa", "Đồng Tháp") == {"Quảng Ninh"}
    assert units("ông Kim Sơn và đường Kim Sơn", "Đồng Tháp", day) == []


def test_a_number_alone_is_no_place_of_the_office() -> None:
    assert units("Bán nhà P.7 giá rẻ", "Đồng Tháp") == []
    assert provinces("Bán nhà P.7, TP Mỹ Tho", "Hà Nội") == {"Đồng Tháp"}


def test_units_of_another_time_are_not_meant() -> None:
    assert [m.unit.valid_to for m in find_places("phường Phú Nhuận mở hội", None, date(2026, 2, 1))] == [None]
    (huyen,) = find_places("TP Huế ngập", published=date(2021, 10, 1))
    assert (huyen.unit.level, huyen.unit.valid_to) == ("district", date(2024, 12, 31))
    (today,) = find_places("TP Huế ngập", published=date(2026, 2, 1))
    assert (today.unit.level, today.unit.valid_to) == ("province", None)


def test_communes_that_ended_before_the_merger_are_known() -> None:
    assert units("xã Tam Dân, huyện Phú Ninh, Quảng Nam", published=date(2021, 10, 1)) == ["Xã Tam Dân", "Huyện Phú Ninh", "Tỉnh Quảng Nam"]


@pytest.mark.parametrize(
    ("url", "province"),
    [
        ("https://baodongthap.vn/a", "Đồng Tháp"),
        ("http://lucba.daitu.thainguyen.gov.vn/", "Thái Nguyên"),
        ("https://hagiangtv.vn", "Tuyên Quang"),
        ("https://www.hanoimoi.vn", None),
        ("https://tuoitre.vn/ha-noi-mua", None),
        ("https://[broken", None),
        ("", None),
    ],
)
def test_a_provincial_host_tells_its_province(url: str, province: str | None) -> None:
    assert province_of_host(url) == province


def test_the_outlets_province_decides_before_the_offices(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    entry = 'name = "Báo"\ndomain = "bao.vn"\nenabled = false\nprovince = "Vĩnh Long"\n'
    (tmp_path / "sources" / "bao.toml").write_text(entry, encoding="utf-8")
    (tmp_path / "sources" / "hong.toml").write_text("name = ", encoding="utf-8")
    tagger = Tagger(tmp_path, "Đồng Tháp", [step for step in discover() if step.name == "places"])
    article = Article(title="Cháy chợ ở huyện Châu Thành")
    for fields, province in (
        ({}, "Đồng Tháp"),
        ({"source": "bao"}, "Vĩnh Long"),
        ({"source": "hong"}, "Đồng Tháp"),
        ({"url": "https://baolongan.vn/1"}, "Tây Ninh"),
    ):
        assert [place.province for place in tagger.tag(article.with_fields(**fields)).places] == [province]


@pytest.mark.parametrize("part", ["development", "test"])
def test_units_of_the_labelled_headlines(part: str) -> None:
    score = measure(records_of(part))
    assert score.items == 75
    assert score.accuracy >= 0.95, score.errors
    assert score.unit_precision >= 0.95, score.errors
    assert score.precision >= 0.97, score.errors
    assert score.recall >= 0.95, score.errors


@pytest.mark.parametrize("part", ["development", "test"])
def test_provinces_of_headlines_of_ten_years(part: str) -> None:
    score = measure_provinces(record for record in province_records() if record["part"] == part)
    assert score.items >= 70
    assert score.precision >= 0.97, score.errors
    assert score.recall >= 0.95, score.errors
