"""Accessibility by axe-core, run inside a page."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from playwright.sync_api import Page

_AXE = Path(__file__).parent.parent / "vendor" / "axe-core" / "axe.min.js"


@cache
def _source() -> str:
    return _AXE.read_text(encoding="utf-8")


def serious_findings(page: Page) -> list[str]:
    """What axe-core finds serious or critical on the page as it is shown: rule and element, one line each."""
    page.evaluate(_source())  # through the debugger: the page's policy lets no foreign script in
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] }).then((result) => result.violations)")
    return [
        f"{violation['id']}: {node['target']} {node['html'][:120]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
