"""A window and a phone, each with a new visitor in it."""

import pytest

from tests.webapp.browsing import DESKTOP, PHONE, opened


@pytest.fixture
def page(browser, site, engine):
    """A window on a desktop."""
    with opened(browser, site, **DESKTOP) as page:
        yield page


@pytest.fixture
def phone(browser, site, engine):
    """A phone, held upright."""
    with opened(browser, site, **PHONE) as page:
        yield page
