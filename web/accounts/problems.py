"""What is wrong with a user, a password or a key that somebody asks for."""

from __future__ import annotations

from diembao.errors import UsageError


class AccountError(UsageError):
    """Something about accounts that cannot be done as it was asked for.

    Args:
        key: the pages show the text `wrong.KEY` in the reader's language.
        message: what is wrong, for the command line.
        hint: what to do.
    """

    def __init__(self, key: str, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.key = key
