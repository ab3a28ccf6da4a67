"""From a source's address to an Article: a Scrapy project, and extraction as pure functions."""
