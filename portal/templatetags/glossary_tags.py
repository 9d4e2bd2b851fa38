"""Terms explained where they stand: a button opens the explanation, without any script.

The explanations themselves stand once, at the end of the page (`{% term_notes %}` in base.html):
a browser without popovers, and paper, show them there.
"""

from functools import cached_property

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import mark_safe

from portal.glossary_marks import mark_terms
from portal.markdown import render_markdown
from portal.models import GlossaryTerm

register = template.Library()


class PageTerms:
    """The terms of one page: read when the first text is marked, noted when they occur."""

    def __init__(self):
        self.noted = {}

    @cached_property
    def terms(self):
        return {term.term: term for term in GlossaryTerm.objects.published()}

    def mark(self, word):
        term = self.noted[word] = self.terms[word]
        return format_html(
            '<button type="button" class="term" popovertarget="explain-{}">{}</button>',
            term.pk,
            word,
        )


def _page_terms(context):
    request = context.request
    if not hasattr(request, "page_terms"):
        request.page_terms = PageTerms()
    return request.page_terms


@register.simple_tag(takes_context=True)
def explained_markdown(context, text, top_heading=3):
    """Show a Markdown text with its terms marked."""
    terms = _page_terms(context)
    html = render_markdown(text, top_heading)
    return mark_safe(mark_terms(html, terms.terms, terms.mark))  # noqa: S308


@register.simple_tag(takes_context=True)
def explained(context, text):
    """Show a label or a plain text with its terms marked."""
    terms = _page_terms(context)
    return mark_safe(mark_terms(conditional_escape(text), terms.terms, terms.mark))  # noqa: S308


@register.inclusion_tag("components/_term_notes.html", takes_context=True)
def term_notes(context):
    """Show the explanations of the terms marked above it."""
    terms = getattr(getattr(context, "request", None), "page_terms", None)
    return {"terms": list(terms.noted.values()) if terms else []}
