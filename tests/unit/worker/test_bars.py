"""tqdm's own bars, read from what it writes; messages come at most four times a second, the last one always."""

import asyncio
import io
import threading

import pytest
from tqdm import tqdm

from flytenb.wire import tags
from flytenb.worker.advance import Advance
from flytenb.worker.bars import Bars
from flytenb.worker.logs import AttemptLog


class Body(io.StringIO):
    """What a body writes to, as its stderr."""

    def __init__(self):
        super().__init__()
        self.sent, self.heard = [], []
        self.log = AttemptLog(7, 1, self.sent.append, threading.RLock())
        self.log.on_bar = self.heard.append

    def write(self, text):
        self.log.write("stderr", text)
        return len(text)

    def lines(self):
        self.log.close()
        return "".join(message[-1] for message in self.sent).splitlines()


def heard(body):
    return [(done, total, text) for done, total, text, _ in body.heard]


def test_a_bar_is_read_and_its_line_is_folded():
    body = Body()
    for _ in tqdm(range(4), desc="train", file=body, mininterval=0):
        pass
    assert heard(body) == [(n, 4, "train") for n in (0, 1, 2, 3, 4, 4)]
    (line,) = body.lines()
    assert line.startswith("train: 100%|##########| 4/4 [")


def test_of_nested_bars_the_outermost_counts_and_the_others_leave_no_lines():
    body = Body()
    for _ in tqdm(range(3), desc="epoch", file=body, mininterval=0):
        for _ in tqdm(range(5), desc="batch", leave=False, file=body, mininterval=0):
            pass
    assert {text for _, _, text in heard(body)} == {"epoch"}
    assert heard(body)[-1] == (3, 3, "epoch")
    (line,) = body.lines()
    assert "epoch: 100%" in line


def test_one_after_another():
    body = Body()
    for name, count in (("read", 2), ("fit", 3)):
        for _ in tqdm(range(count), desc=name, file=body, mininterval=0):
            pass
    body.write("done\n")
    assert [text for _, _, text in dict.fromkeys((0, 0, entry[2]) for entry in heard(body))] == ["read", "fit"]
    assert [line.split(":")[0] for line in body.lines()] == ["read", "fit", "done"]


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("\r 34%|███▍   | 340/1000 [00:10<00:20, 33.0it/s]", (340, 1000, "")),
        ("\rloss: low: 34%|███▍   | 3.4k/10.0k [01:00:10<00:20, 33.0it/s, a=1]", (3400, 10000, "loss: low")),
        ("\rread: 12.5MB [00:10, 1.2MB/s]", (12.5e6, 0, "read")),
        ("\r340it [00:10, 33.0it/s]", (340, 0, "")),
    ],
)
def test_forms(text, reading):
    assert Bars().read(text)[:3] == reading


@pytest.mark.parametrize("text", ["\rworking", "50% of all", "\r|||", "\r1/2 [x]", "a|b|c 1/2 [00:01<00:02"])
def test_other_text_is_no_bar(text):
    assert Bars().read(text) is None


class FakeLink:
    def __init__(self):
        self.messages, self.flushes = [], 0

    def send(self, message):
        self.messages.append(message)

    send_from_thread = send

    def flush(self):
        self.flushes += 1


def test_many_words_are_few_messages_and_the_last_arrives():
    async def body():
        loop, link = asyncio.get_running_loop(), FakeLink()
        advance = Advance(7, 1, link, loop, threading.get_ident())
        for number in range(1000):
            advance.say((number, 1000, "", 0.0))
        assert [message[3] for message in link.messages] == [0]
        arrived = loop.create_future()
        link.send = lambda message: arrived.set_result(message)
        assert (await arrived)[:4] == (tags.PROGRESS, 7, 1, 999)

    asyncio.run(body())


def test_the_last_word_goes_before_the_end():
    async def body():
        link, ended = FakeLink(), []
        advance = Advance(7, 1, link, asyncio.get_running_loop(), threading.get_ident())
        advance.say((1, 3, "", 0.0))
        advance.say((2, 3, "", 0.0))
        advance.end(ended.append)
        advance.say((3, 3, "", 0.0))
        assert [message[3] for message in (*link.messages, *ended)] == [1, 2]

    asyncio.run(body())
