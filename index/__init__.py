"""Keep, search and count Articles: one interface, two engines."""

from index.opening import open_engine

__all__ = ["open_engine"]
