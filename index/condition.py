"""How one part of an engine is: what `diembao doctor` shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Condition:
    """One part of an engine.

    Attributes:
        name: of the part, a word or two.
        state: `warning` means that it works but something is missing.
        message: how it is, one line.
        hint: what to do where it is not in order.
    """

    name: str
    state: Literal["ok", "warning", "broken"]
    message: str
    hint: str = ""
