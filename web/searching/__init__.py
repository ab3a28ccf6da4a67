"""Searches of the desk: their address, what is counted and drawn for them, help while typing, comparison, saved searches."""
