"""Every small notebook: keys hit and miss as they must, and its slices alone return what the kernel returns."""

from __future__ import annotations

import pickle
import subprocess
import sys
import traceback
from hashlib import sha256
from pathlib import Path

import pytest

from flytenb.errors import CaptureError
from tests.unit.capture.corpus.cases import CASES, HIT, MISS, REFUSE
from tests.unit.capture.kernel import Kernel, call


def _play(case, before=()):
    """Keys, programs and results of a notebook in all its states."""
    states = []
    with Kernel() as kernel:
        for text in before:
            kernel.run(text)
        for text in case.cells:
            kernel.run(text)
        for edit in [None, *case.edits]:
            if edit is not None:
                kernel.run(edit[0], is_ok="raise" not in edit[0])
            try:
                key, program = kernel.key(), kernel.program()
            except CaptureError as error:
                states.append((None, None, str(error)))
            except Exception:
                states.append((None, None, "BROKEN " + traceback.format_exc()))
            else:
                states.append((key, program, repr(call(kernel.ns["t"], 3))))
    return states


@pytest.fixture(scope="module")
def played():
    return {case.name: _play(case) for case in CASES}


@pytest.fixture(scope="module")
def alone(played):
    jobs = []
    for name, states in played.items():
        for n, (_, program, _) in enumerate(states):
            if program is not None:
                blobs = {sha256(b).hexdigest(): b for b in program.blobs}
                jobs.append((f"{name}/{n}", program.body, program.entry, blobs))
    script = Path(__file__).with_name("alone.py")
    done = subprocess.run([sys.executable, str(script)], input=pickle.dumps(jobs), capture_output=True, timeout=110)
    assert done.returncode == 0, done.stderr.decode()
    return pickle.loads(done.stdout)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_keys(case, played):
    states = played[case.name]
    key, _, text = states[0]
    if case.is_refused:
        assert key is None
        assert case.message in text
        return
    assert key is not None, text
    assert bool(key.doubts) == case.is_flagged, key.doubts
    last = key
    for (edit, expected), (now, _, text) in zip(case.edits, states[1:], strict=True):
        if expected == REFUSE:
            assert now is None, edit
            assert case.message in text
            continue
        assert now is not None, text
        changed = {
            n for n in {*now.parts, *last.parts} if now.parts.get(n, ("", ""))[1] != last.parts.get(n, ("", ""))[1]
        }
        assert (HIT if now.hex == last.hex else MISS) == expected, (edit, changed)
        last = now


@pytest.mark.parametrize("case", [c for c in CASES if not c.is_refused], ids=lambda c: c.name)
def test_slice_alone(case, played, alone):
    for n, (key, program, result) in enumerate(played[case.name]):
        if key is not None:
            assert alone[f"{case.name}/{n}"] == result, program.text or program


@pytest.mark.parametrize("case", [c for c in CASES if not c.is_refused and not c.is_open], ids=lambda c: c.name)
def test_same_after_restart(case, played):
    key, program, text = _play(case, before=["import os, sys\nnoise = [1, 2, 3]", "def noisy(): return noise"])[0]
    assert key is not None, text
    assert key.hex == played[case.name][0][0].hex
    assert program.text == played[case.name][0][1].text


def test_enough_cases():
    assert len(CASES) >= 100
    assert len({case.name for case in CASES}) == len(CASES)
