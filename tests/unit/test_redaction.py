"""No form of a secret's value is left in a text, and nothing else is taken out."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flytenb.redaction import LEAST, Redactor

VALUES = [
    "hunter22",
    "p@ss w0rd/+=&<>'\"\\",
    "größe-中文-🙂",
    "sk-" + "aZ09" * 12,
    "line one\nline two is longer\n",
    "a\tb\tc\td",
]


def forms(value: str) -> list[str]:
    raw = value.encode()
    return [
        value,
        repr(value),
        repr({"key": value}),
        repr(raw),
        json.dumps(value),
        json.dumps({"a": [value]}, ensure_ascii=False),
        html.escape(value),
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
        urlencode({"password": value}),
        f"https://ann:{quote(value, safe='')}@host/",
        *(base64.b64encode(b"x" * n + raw + b"y" * m).decode() for n in range(4) for m in range(4)),
        *(base64.urlsafe_b64encode(b"u:" * n + raw).decode() for n in range(3)),
        raw.hex(),
        raw.hex().upper(),
    ]


@pytest.mark.parametrize("value", VALUES)
def test_every_form_is_taken_out(value):
    hidden = Redactor([value.encode()])
    for form in forms(value):
        shown = hidden.text(f"before {form} after")
        assert shown.startswith("before ")
        assert shown.endswith(" after")
        assert "***" in shown, form
        assert value not in shown
        assert hidden.text(shown) == shown
        assert not [value[n : n + 6] for n in range(len(value) - 5) if value[n : n + 6] in shown]


def test_lines_of_a_key_file_and_fields_of_a_json_file():
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQC7VJTU\n-----END KEY-----\n"
    account = json.dumps({"type": "service", "private_key": key, "id": "0123456789abcdef"}, indent=1)
    hidden = Redactor([account.encode()])
    for line in key.splitlines()[1:3]:
        assert hidden.text(f"1: {line}\n") == "1: ***\n"
    assert hidden.text("0123456789abcdef") == "***"
    assert hidden.text("a service began") == "a service began"


def test_what_is_too_short_or_not_there_is_left_alone():
    hidden = Redactor([b"", b"abc", b" \n "])
    assert not hidden
    assert hidden.text("abc") == "abc"
    hidden.add([b"abcd"])
    assert hidden.text("abc abcd") == "abc ***"
    assert repr(hidden) == "Redactor(1 values)"


def test_the_longest_goes_first():
    hidden = Redactor([b"secret", b"secret-and-more"])
    assert hidden.text("secret-and-more secret") == "*** ***"


def test_binary_values():
    raw = bytes(range(128, 160))
    hidden = Redactor([raw])
    assert hidden.text(base64.b64encode(raw).decode()) == "***"
    assert hidden.text(raw.hex()) == "***"
    assert hidden.holds(b"x" + base64.b64encode(raw)) is True
    assert hidden.holds(b"nothing") is False


def test_a_text_that_was_cut():
    hidden = Redactor([b"correct horse battery"])
    assert hidden.shortened("'correct ho…'") == "'***…'"
    assert hidden.shortened("[correct horse battery, cor…") == "[***, cor…"
    assert hidden.shortened("abc…se battery and more") == "abc…*** and more"
    assert hidden.shortened("'correct ho'… (99 characters)") == "'***'… (99 characters)"
    assert hidden.shortened("no cut corre") == "no cut corre"


def test_plain_data():
    hidden = Redactor([b"hunter22"])
    told = {"a": ["hunter22", 1, None, {"hunter22": ("x hunter22",)}], "b": b"hunter22"}
    assert hidden.plain({"locals": "'x hunte…'"}) == {"locals": "'x ***…'"}
    assert hidden.plain(told) == {"a": ["***", 1, None, {"***": ("x ***",)}], "b": b"hunter22"}


@settings(max_examples=200, deadline=None)
@given(
    st.text(min_size=LEAST + 2).filter(lambda s: len(s.strip().encode("utf-8", "replace")) >= LEAST + 2),
    st.text(),
    st.text(),
)
def test_any_value_in_any_text(value, before, after):
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        return
    shown = Redactor([raw]).text(before + value + after)
    assert value not in shown or value in "***" + before + after
