"""Records of where actions run: the number that actions name stays, what it says is completed."""

from __future__ import annotations

from flytenb.model.events import LanePlaced, PlacementRead
from tests.unit.rules.desk import Desk


def placed(desk: Desk, digest: bytes) -> int:
    desk.run(desk.declare())
    (worker,) = desk.spawned() or list(desk.state.lanes)
    desk.happen(LanePlaced(worker, digest, b"body of " + digest))
    return desk.state.lanes[worker].placement


def test_what_is_read_later_stands_under_the_same_number() -> None:
    desk = Desk()
    number = placed(desk, b"open")
    out = desk.happen(PlacementRead(b"open", b"whole", b"all of it"))
    assert out.placements_read == [(b"whole", b"all of it", number)]
    assert placed(desk, b"whole") == number  # who knows all at once says the same
    assert placed(desk, b"open") != number  # a digest with a moment in it never comes again, but if it did


def test_two_numbers_may_say_the_same() -> None:
    desk = Desk()
    whole = placed(desk, b"whole")
    later = placed(desk, b"open")
    out = desk.happen(PlacementRead(b"open", b"whole", b"all of it"))
    assert out.placements_read == [(b"open", b"all of it", later)]
    assert later != whole
    assert placed(desk, b"third") == 3


def test_what_nobody_knows_is_not_recorded() -> None:
    assert not Desk().happen(PlacementRead(b"x", b"y", b"")).placements_read
