"""What integration tests may ask for besides the servers of ``tests/conftest.py``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.post_office import PostOffice


@pytest.fixture
def post_office() -> Iterator[PostOffice]:
    """An SMTP server of this test's own, taking mail."""
    office = PostOffice()
    office.start()
    yield office
    office.stop()
