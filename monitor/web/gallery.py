"""Every notice in every language on one page, for whoever edits the words."""

from datetime import tzinfo

from markupsafe import Markup

from monitor.core.notice import Kind
from monitor.web.console import load_pages
from notifiers.wording import LANGUAGES, render
from notifiers.wording.samples import sample


def draw(zone: tzinfo) -> str:
    """Draw the page; it stands alone."""
    notices = [
        # Telegram's tags are HTML's too, and whatever was put between them is escaped already.
        (kind.value, [(each, Markup(render(kind, each, sample(kind), zone).html)) for each in LANGUAGES])  # noqa: S704
        for kind in Kind
    ]
    return load_pages().get_template("notices.html").render(notices=notices)
