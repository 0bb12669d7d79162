"""The publisher: few drawings, the last state always."""

import threading
import time

from flytenb.notebook.publisher import Publisher


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    assert condition()


def test_many_changes_are_few_drawings_and_the_last_is_drawn():
    state, drawn, over = [0], [], threading.Event()

    def draw():
        drawn.append(state[0])
        return over.is_set()

    publisher = Publisher()
    publisher.follow("run", draw, first_after_s=0.05)
    for i in range(200):
        state[0] = i
        publisher.mark("run")
        time.sleep(0.002)
    over.set()
    publisher.mark("run", is_final=True)
    until(lambda: drawn and drawn[-1] == 199)
    assert len(drawn) <= 5


def test_nothing_is_drawn_before_its_time_but_the_end():
    drawn = []
    publisher = Publisher()
    publisher.follow("run", lambda: bool(drawn.append(1)) or True, first_after_s=60)
    publisher.mark("run")
    time.sleep(0.05)
    assert drawn == []
    assert publisher.flush("run")
    assert drawn == [1]
    assert publisher.flush("run")


def test_a_failing_drawing_is_tried_again():
    calls = []

    def draw():
        calls.append(1)
        if len(calls) == 1:
            raise OSError("engine away")
        return True

    publisher = Publisher()
    publisher.follow("run", draw, first_after_s=0)
    publisher.mark("run")
    until(lambda: calls)
    assert publisher.flush("run")


def test_clocks_tick_until_the_end_is_told(monkeypatch):
    monkeypatch.setattr("flytenb.notebook.publisher.TICK_S", 0.02)
    ticks, is_over = [], []
    publisher = Publisher()
    publisher.follow("run", lambda: bool(is_over), first_after_s=0, tick=lambda: ticks.append(1))
    publisher.mark("run")
    until(lambda: len(ticks) >= 3)
    is_over.append(True)
    assert publisher.flush("run")
    count = len(ticks)
    time.sleep(0.1)
    assert len(ticks) == count


def test_an_end_that_cannot_be_drawn_ends_the_ticking_too(monkeypatch):
    monkeypatch.setattr("flytenb.notebook.publisher.TICK_S", 0.02)
    ticks = []

    def draw():
        raise OSError("engine away")

    publisher = Publisher()
    publisher.follow("run", draw, first_after_s=0, tick=lambda: ticks.append(1))
    publisher.mark("run", is_final=True)
    time.sleep(0.1)
    assert ticks == []
