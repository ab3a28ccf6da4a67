"""The words every room uses: Article, Source, Alert, settings, clock, errors, state. Imports nothing of ours."""

__version__ = "0.1.0"
