"""Other voices: what is read through an API or as a forum instead of article pages, one file for each (docs/voices.md)."""
