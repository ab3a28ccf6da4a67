"""Articles on the desk: marks, changed words, notes, and what one click does to them."""
