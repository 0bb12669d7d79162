"""Pickles with code in them are known, and never read by another Python minor."""

from __future__ import annotations

import sys

import pytest

from flytenb.codec import pickled
from flytenb.errors import CaptureError
from flytenb.model import minors


def _foreign(data: bytes) -> bytes:
    return data.replace(minors.MARK + minors._HERE, minors.MARK + b"3.7", 1)


def test_code_is_marked_and_data_is_not() -> None:
    code = pickled.dumps(lambda x: x + 1)
    assert code.startswith(minors.MARK)
    assert pickled.loads(code)(1) == 2
    assert pickled.loads(memoryview(code))(1) == 2
    data = pickled.dumps({"a": [1, 2]})
    assert not data.startswith(minors.MARK)
    assert pickled.loads(data) == {"a": [1, 2]}


def test_another_minors_code_is_refused_in_words() -> None:
    with pytest.raises(CaptureError, match=r"code that Python 3\.7 has pickled, which Python .* cannot read"):
        pickled.loads(_foreign(pickled.dumps(lambda: 1)))


def test_submission_is_refused_where_the_minor_is_known() -> None:
    code, here = pickled.dumps(lambda: 1), sys.version_info[:2]
    minors.refuse_for((3, 7), "an input", b"plain")
    minors.refuse_for((), "an input", code)
    minors.refuse_for(here, "an input", code)
    with pytest.raises(CaptureError, match=r"an input holds code without source.*its image has Python 3\.7"):
        minors.refuse_for((3, 7), "an input", b"head" + code + b"tail")
