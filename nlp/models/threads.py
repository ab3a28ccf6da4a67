"""Linear algebra on one thread: the products here are small, and handing them to several threads costs more than it saves."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    """Found once: looking for the loaded libraries takes milliseconds."""
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[object]:
    """One thread for BLAS while the context lasts (measured: six times quicker for one headline)."""
    limit: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limit
