"""Decide when the office must know, and write it."""
