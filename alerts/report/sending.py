"""The report goes out by mail: once for each period and recipient."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from alerts.briefing.sending import DOCX, Content, people, queue_for
from alerts.briefing.words import Language
from alerts.grading import signing_key
from alerts.report.documents import TEMPLATE, as_docx, as_html, as_text, printed
from alerts.report.figures import Report
from diembao.settings import Office, Person
from diembao.state import State
from diembao.taxonomy import Taxonomy

RULE = "report"
"""Under this name a recipient is muted who does not want reports any more."""


def queue_report(state: State, report: Report, office: Office, taxonomy: Taxonomy, now: datetime, template: Path = TEMPLATE) -> int:
    """Queue `report` for everybody who wants reports, each in their language, with DOCX; once per period and recipient.

    Returns:
        How many messages wait newly.

    Raises:
        ConfigError: when the template cannot be used; then nothing is queued.
        StateError: when the database fails.
    """
    key = signing_key(state)
    made: dict[Language, Content] = {}

    def content(person: Person) -> Content:
        language = person.language or office.language
        if language not in made:
            one = printed(report, office, taxonomy, language)
            html = as_html(one, {chart.name: f"cid:{chart.name}@diembao" for chart in one.charts})
            name = f"{'bao-cao' if language == 'vi' else 'report'}-{report.period.key}.docx"
            pictures = tuple((chart.name, chart.png) for chart in one.charts)
            made[language] = Content(one.title, as_text(one), html, ((name, DOCX, as_docx(one, template)),), pictures)
        return made[language]

    wanting = [person for person in people(office) if person.reports]
    with state.session() as session:
        return queue_for(session, wanting, f"report:{report.period.kind}:{report.period.key}", RULE, content, office, now, key)
