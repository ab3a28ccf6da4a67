"""The staff page and its API (FastAPI)."""
