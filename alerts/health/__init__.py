"""The health of sources: what is expected of each, what departs from it, since when, why, and what to do."""
