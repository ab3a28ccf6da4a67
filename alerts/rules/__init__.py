"""Kinds of alert rules, one a file."""
