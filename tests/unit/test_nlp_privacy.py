"""Numbers of private persons are masked, others are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diembao.privacy import mask_personal_numbers

PRIVATE = {
    "Liên hệ 0912345678 để mua": "Liên hệ 091xxxxxxx để mua",
    "Gọi chị Lan (0912.345.678)": "Gọi chị Lan (091x.xxx.xxx)",
    "ĐT: 0912 345 678": "ĐT: 091x xxx xxx",
    "ĐT 091-234-5678.": "ĐT 091-xxx-xxxx.",
    "số 0912 34 56 78,": "số 091x xx xx xx,",
    "+84912345678": "+84912xxxxxx",
    "+84 912 345 678": "+84 912 xxx xxx",
    "Nhà riêng (0273) 3872777": "Nhà riêng (027x) xxxxxxx",
    "máy bàn 02733872777": "máy bàn 027xxxxxxxx",
    "tel:0387654321": "tel:038xxxxxxx",
    "ĐT: 0912\u00a0345\u00a0678": "ĐT: 091x\u00a0xxx\u00a0xxx",
    "ĐT: 0912&nbsp;345&#160;678 &nbsp;": "ĐT: 091x&nbsp;xxx&#160;xxx &nbsp;",
    "ĐT: 0912\u2011345\u2011678": "ĐT: 091x\u2011xxx\u2011xxx",
    "gọi (0912)345678": "gọi (091x)xxxxxx",
    "gọi ０９１２３４５６７８": "gọi ０９１xxxxxxx",
    "CMND 310123456 cấp": "CMND xxxxxxxxx cấp",
    "số CCCD: 082090001234": "số CCCD: xxxxxxxxxxxx",
    "căn cước công dân số 082 090 001 234": "căn cước công dân số xxx xxx xxx xxx",
    "hộ chiếu số C1234567": "hộ chiếu số Cxxxxxxx",
    "STK 0071000123456 Vietcombank": "STK xxxxxxxxxxxxx Vietcombank",
    "chuyển vào số tài khoản 1903 5678 9012 345 của bà Hoa": "chuyển vào số tài khoản xxxx xxxx xxxx xxx của bà Hoa",
    "tài khoản ngân hàng Agribank: 6700205123456": "tài khoản ngân hàng Agribank: xxxxxxxxxxxxx",
}
PUBLIC = [
    "năm 2026, ngày 02/9/2025, lúc 10:20:30",
    "giá 1.234.567.890 đồng, 912.345.678 đồng, 0,912345678 %",
    "Nghị định 123/2020/NĐ-CP, Quyết định số 0912345678/QĐ-UBND, Công văn 6149/BCT-XNK",
    "gọi 113, 114, 115, 1022, 19001234, 1900.1234, 18001091",
    "Đường dây nóng: 0912.345.678; hotline 0273 3872 777; tổng đài hỗ trợ 0912345678",
    "tài khoản nhận 500.000.000 đồng, tài khoản 123456 đồng, 2.000.000 tài khoản",
    "mã đơn 310123456, mã số thuế 0100109106-001",
    "10.000 người, dân số 1234567890123",
    "toạ độ 10.4938123, 106.345678",
    "ISBN 978-604-1-23456-7, biển số 63A-123.45",
    "http://example.vn/bai-viet-0912345678.html",
    "kỳ quay 05012345678901234567",
]


@pytest.mark.parametrize(("text", "masked"), PRIVATE.items())
def test_private_numbers_are_masked(text: str, masked: str) -> None:
    assert mask_personal_numbers(text) == masked
    assert mask_personal_numbers(masked) == masked


@pytest.mark.parametrize("text", PUBLIC)
def test_other_numbers_stay(text: str) -> None:
    assert mask_personal_numbers(text) == text


@given(st.text(st.sampled_from("0123456789 .-()+/xCMNDSTKcđồng:\n"), max_size=80) | st.text(max_size=80))
def test_masking_keeps_length_and_is_stable(text: str) -> None:
    once = mask_personal_numbers(text)
    assert len(once) == len(text)
    assert mask_personal_numbers(once) == once
    assert all(before == after or (before.isdigit() and after == "x") for before, after in zip(text, once, strict=True))
