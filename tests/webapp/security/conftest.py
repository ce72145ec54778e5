"""The site as it runs in production: reached by HTTPS, behind one proxy, with Django's strictest checks."""

import pytest

from tests.webapp.started import running

ORIGIN = "https://bardloop.example"


@pytest.fixture(scope="session")
def production(site_environment) -> dict[str, str]:
    """The environment of production."""
    return site_environment | {
        "DJANGO_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "DJANGO_CSRF_TRUSTED_ORIGINS": ORIGIN,
        "DJANGO_ALLOWED_HOSTS": "bardloop.example,127.0.0.1",
        "BARDLOOP_PROXIES": "1",
    }


@pytest.fixture(scope="session")
def production_site(running_site, production):
    """The site under uvicorn in that environment."""
    with running(production, running_site.password) as site:
        yield site


@pytest.fixture
def by_https(production_site, site, engine):
    """A visitor whose requests come through the proxy, which spoke HTTPS."""
    with production_site.visitor() as visitor:
        visitor.headers.update(
            {"Host": "bardloop.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
        )
        yield visitor
