"""Errors that a person can act on.

Whoever raises one of these says what happened and, in `hint`, what to do. The command line prints both as one line and
ends with the error's `exit_code`; anything else that escapes is a defect of ours and shows its traceback.
"""

from __future__ import annotations


class DiembaoError(Exception):
    """A failure with a message for a person and a hint that says what to do.

    Args:
        message: what happened, one sentence, without line breaks.
        hint: what to do about it; may be empty.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class UsageError(DiembaoError):
    """The call itself is wrong (an unknown source, an impossible date): exit code 2."""

    exit_code = 2


class ConfigError(DiembaoError):
    """A file that the office edits cannot be used; the message names the file and the place in it."""


class InputError(DiembaoError):
    """A record from outside (JSON line, CSV row, feedback record) cannot be read; the message names its position."""


class StateError(DiembaoError):
    """The relational database cannot be opened, read or written."""


class EngineError(DiembaoError):
    """The search engine cannot be reached, refuses, or its data are damaged."""


class EngineUnusableError(EngineError):
    """The search engine fails in a way that repeating cannot mend: a damaged file, another version, a refused password."""


class ArchiveError(DiembaoError):
    """The WARC archive cannot be written or read (no disk space, damaged record)."""


class DeliveryError(DiembaoError):
    """A message could not be handed to its server (SMTP unreachable, address refused)."""


class QueryError(DiembaoError):
    """A search query cannot be understood.

    Args:
        message_vi: what is wrong, in Vietnamese.
        message_en: the same in English.
        position: index of the first wrong character in the query (code points, from 0), or None when it is the end.
    """

    exit_code = 2

    def __init__(self, message_vi: str, message_en: str, position: int | None) -> None:
        place = f" (ký tự / character {position + 1})" if position is not None else ""
        super().__init__(f"{message_vi} / {message_en}{place}")
        self.message_vi = message_vi
        self.message_en = message_en
        self.position = position
