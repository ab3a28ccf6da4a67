"""How a round of `monitor` is told to a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.output import clean


def fates_lines(fates: Mapping[str, Any]) -> list[str]:
    """The fates of a round, one a line, with the identity that they fulfil."""
    dropped: Mapping[str, int] = fates["dropped"]
    kept = fates["indexed"] + fates["unchanged"]
    lines = [
        f"  {'fetched':<20}{fates['fetched']:>5}  trang đã lấy / pages taken up",
        f"  {'indexed':<20}{fates['indexed']:>5}  mới hoặc sửa / new or revised",
        f"  {'unchanged':<20}{fates['unchanged']:>5}  không đổi / as before",
    ]
    lines += [f"  {reason:<20}{count:>5}" for reason, count in sorted(dropped.items(), key=lambda item: (-item[1], item[0]))]
    return [*lines, f"  {fates['fetched']} = {fates['indexed']} + {fates['unchanged']} + {fates['fetched'] - kept}"]


def round_summary(result: Mapping[str, Any]) -> str:
    """Fates, problems of sources, alerts and mails of one round, several lines."""
    lines = ["Kết quả xử lý từng trang / What became of the pages:", *fates_lines(result["fates"])]
    if result["revised"]:
        lines.append(f"Bài đã sửa / revised articles: {result['revised']}")
    if result["quarantined"]:
        lines.append(f"Cách ly / in quarantine: {result['quarantined']} (runs/…/quarantine.jsonl)")
    lines += [f"! {clean(problem)}" for problem in result["problems"]]
    lines += [f"! {clean(rule)}: {clean(why)}" for rule, why in result["broken_rules"].items()]
    lines.append(
        f"Cảnh báo / alerts: {len(result['alerts'])}; thư đã gửi / mails sent: {result['sent']}, chờ / waiting: {result['waiting']}"
    )
    return "\n".join(lines)
