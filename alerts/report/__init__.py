"""The weekly and the monthly report: coverage, tone, stories, outlets, alerts, responses and gaps, with charts."""
