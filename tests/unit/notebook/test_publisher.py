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


def test_an_end_that_cannot_be_drawn_is_tried_again(monkeypatch):
    monkeypatch.setattr("flytenb.notebook.publisher.AGAIN_S", 0.05)
    calls = []

    def draw():
        calls.append(1)
        if len(calls) < 4:
            raise OSError("engine away")
        return True

    publisher = Publisher()
    publisher.follow("run", draw)
    publisher.mark("run", is_final=True)
    until(lambda: len(calls) == 4)
    assert publisher.flush("run")
    assert len(calls) == 4


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


class Sending:
    """Views that send messages of a size, and when each did."""

    def __init__(self, views, size_bytes):
        self.publisher, self.sent, self.over = Publisher(), [], set()
        self.names = [f"run{i}" for i in range(views)]

        def view(name):
            def draw():
                self.sent.append((time.monotonic(), name))
                self.publisher.sent(size_bytes)
                return name in self.over

            return draw

        for name in self.names:
            self.publisher.follow(name, view(name), first_after_s=0)

    def go_on(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name in self.names:
                self.publisher.mark(name)
            time.sleep(0.01)


def test_all_views_together_send_ten_a_second_in_turn():
    sending = Sending(30, 100)
    sending.go_on(2.0)
    assert 5 <= len(sending.sent) <= 22
    assert len({name for _, name in sending.sent}) == len(sending.sent), "nobody twice before all others"


def test_large_views_are_drawn_more_rarely_but_their_end_at_once():
    sending = Sending(2, 60_000)
    sending.go_on(1.5)
    assert 2 <= len(sending.sent) <= 4, "60 kB each, 100 kB a second"
    sending = Sending(2, 1_000_000)
    sending.go_on(0.2)
    sending.over.add("run1")
    began = time.monotonic()
    assert sending.publisher.flush("run1")
    assert time.monotonic() - began < 5, "at its turn it would be 10 s"


def test_ends_of_many_runs_are_all_drawn():
    sending = Sending(12, 60_000)
    sending.over.update(sending.names)
    for name in sending.names:
        sending.publisher.mark(name, is_final=True)
    until(lambda: len(sending.sent) == 12)
    assert sending.sent[-1][0] - sending.sent[0][0] > 0.9
    assert all(sending.publisher.flush(name) for name in sending.names)
