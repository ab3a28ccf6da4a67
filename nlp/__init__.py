"""From an Article to what it says: text in, fields out."""
