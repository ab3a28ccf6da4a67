"""Who may do what: users, sessions, API keys, the gate before every page, and the pages that keep them."""
