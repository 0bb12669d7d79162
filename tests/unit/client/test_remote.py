from __future__ import annotations

from datetime import datetime, timezone

import pytest

from flytenb import errors, remote


def test_later_classes_say_what_to_use_instead() -> None:
    with pytest.raises(errors.NotAvailableError, match=r"flyte\.remote\.Task\.get.*flyte\.run"):
        remote.Task.get("demo.total")
    with pytest.raises(errors.NotAvailableError, match=r"flyte\.remote\.Settings"):
        remote.Settings()


def test_every_name_is_there() -> None:
    assert all(hasattr(remote, name) for name in remote.__all__)


def test_time_filter() -> None:
    span = remote.TimeFilter(after=datetime(2024, 1, 1, tzinfo=timezone.utc))
    assert span.covers(datetime(2025, 1, 1, tzinfo=timezone.utc).timestamp())
    assert not span.covers(0.0)
