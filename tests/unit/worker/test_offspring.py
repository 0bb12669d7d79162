"""Which processes an aborted action has started."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from flytenb.worker import offspring

pytestmark = pytest.mark.skipif(not offspring._PROC.is_dir(), reason="processes are read from /proc")
_DEAF = "trap '' TERM; echo ready; while :; do sleep 0.05; done"


def begin(script: str = _DEAF, **options: object) -> subprocess.Popen[str]:
    process = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload]
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_young_ones_end_and_old_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offspring, "TERM_S", 0.1)
    old = begin()
    time.sleep(0.2)
    begun = time.perf_counter()
    young, own_session = begin(), begin(start_new_session=True)
    grandchild = begin("echo ready; sh -c 'while :; do sleep 0.05; done' & wait")
    try:
        look = offspring._all

        def slow() -> dict:
            time.sleep(0.1)  # a machine with many processes
            return look()

        monkeypatch.setattr(offspring, "_all", slow)
        ended = offspring.end_since(time.perf_counter() - begun)
        assert {young.pid, grandchild.pid} <= set(ended)
        assert not {old.pid, own_session.pid, os.getpid()} & set(ended)
        assert young.wait(5) == -9  # it did not listen
        assert grandchild.wait(5) in (-15, 143)
        assert (old.poll(), own_session.poll()) == (None, None)
    finally:
        for process in (old, young, own_session, grandchild):
            process.kill()
            process.wait()
            process.stdout.close()  # type: ignore[union-attr]
