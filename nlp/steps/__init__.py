"""Tagging steps, one a file."""
