"""Where Prefect keeps its things, and what it may do: set before prefect is imported, because it reads its settings then."""

from __future__ import annotations

import os
from pathlib import Path


def prepare(home: Path) -> None:
    """Let Prefect keep its database below `home`, send no statistics and leave the terminal to us.

    What the environment sets already stays: an office with a Prefect server of its own sets PREFECT_API_URL.
    """
    defaults = {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        # Prefect's page keeps the traceback of a failure; the terminal gets one line from us (`flows.monitor.tell_why`).
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # a busy machine takes longer than the 20 s of the default
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_CLI_PROMPT": "false",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
