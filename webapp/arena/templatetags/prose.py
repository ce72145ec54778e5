"""`{{ text|prose }}`: a post as HTML, escaped."""

from django import template

from webapp.arena.prose import as_html

register = template.Library()


@register.filter
def prose(text: str) -> str:
    """See webapp.arena.prose.as_html."""
    return as_html(text)
