"""A story's page: what it shows, and how staff join and split stories."""
