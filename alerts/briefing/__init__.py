"""The morning briefing (điểm báo): compiled from the coverage, edited by staff, sent at the set time."""
