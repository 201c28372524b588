"""What integration tests may ask for besides the servers of ``tests/conftest.py``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.post_office import PostOffice


@pytest.fixture
def post_office() -> Iterator[PostOffice]:
    """Give this test an SMTP server of its own, taking mail."""
    office = PostOffice()
    office.start()
    yield office
    office.stop()
