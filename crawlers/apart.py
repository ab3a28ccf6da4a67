"""Reads a large document in a process of its own: however it is made, it costs bounded time and memory and holds up nobody."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
Result = TypeVar("Result")

MEMORY_MAX = 3 * 1024**3
"""Bytes of address space that the process may take."""


class TookTooMuch(Exception):  # noqa: N818 - it is the cost that is named
    """The document needed more time or memory than it gets."""


def read_apart(seconds: float, function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
    """The result of `function` in a new process; blocks, so it is called in a thread.

    Args:
        seconds: time for the start of the process and the function together.
        function: importable by name; its arguments and result can be pickled.
        *args: its arguments.
        **kwargs: its arguments by name.

    Raises:
        TookTooMuch: when the time is over, or the process died of its memory.
        Exception: what the function raised.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(sender, function, args, kwargs), daemon=True)
    process.start()
    sender.close()
    try:
        if not receiver.poll(seconds):
            raise TookTooMuch(f"reading it takes more than {seconds:g} s")
        error, result = receiver.recv()
    except EOFError as ended:
        raise TookTooMuch(f"reading it takes more than {MEMORY_MAX >> 20} MB") from ended
    finally:
        process.kill()
        process.join()
        process.close()
        receiver.close()
    if error is not None:
        raise error
    return cast("Result", result)


def _work(sender: Connection, function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    try:
        outcome: tuple[Exception | None, object] = (None, function(*args, **kwargs))
    except MemoryError:
        return
    except Exception as error:  # noqa: BLE001 - raised again by the caller
        outcome = (error, None)
    sender.send(outcome)
