"""What actions used stands in the text and in the twin, in words; what stands out comes first."""

from __future__ import annotations

from msgspec.structs import replace

from flytenb.model.resources import DiskPart, MachineUse, ResourcesView
from flytenb.model.snapshot import RunSnapshot
from flytenb.model.usage import Usage
from flytenb.views import holders, text, twin
from flytenb.views.tree import view
from tests.unit.views.view_samples import Builder

_GIB = 1 << 30


def _run(**usages: Usage) -> RunSnapshot:
    built = Builder("search", "succeeded", 9.0).add("fit", took=5.0).add("fit", start=5.0, took=3.0)
    return replace(built.snapshot(), usages=usages)


_SMALL = Usage(action="a1", text="peak 96 MiB, 1 CPU s, at most 1 core", memory_peak_bytes=96 << 20)
_LARGE = Usage(action="a2", text="peak 1.9 GiB of 2 GiB, 3 CPU s, at most 1 core", memory_peak_bytes=2 * _GIB)
_NEAR = replace(
    _LARGE, hint="memory came near its limit: 1.9 GiB of 2 GiB; give the task more with Resources(memory=…)"
)


def test_the_text_has_one_line_of_the_largest_action() -> None:
    shown = text.render(view(_run(a1=_SMALL, a2=_LARGE)))
    assert "  used         fit[1]: peak 1.9 GiB of 2 GiB, 3 CPU s, at most 1 core" in shown.splitlines()
    assert "96 MiB" not in shown
    assert "used" not in text.render(view(_run()))


def test_what_stands_out_is_told_instead() -> None:
    shown = text.render(view(_run(a1=_SMALL, a2=_NEAR)))
    assert "  used         fit[1]: memory came near its limit: 1.9 GiB of 2 GiB" in shown


def test_the_twin_folds_them_unless_one_stands_out() -> None:
    quiet, loud = twin.render(view(_run(a1=_SMALL, a2=_LARGE))), twin.render(view(_run(a1=_NEAR, a2=_SMALL)))
    assert '<details style="margin:4px 0"><summary style="cursor:pointer">Resources' in quiet
    assert '<details open style="margin:4px 0"><summary style="cursor:pointer">Resources' in loud
    assert quiet.index("fit[1]") < quiet.rindex("peak 1.9 GiB") < quiet.index("peak 96 MiB")
    assert "<b>memory came near its limit" in loud
    assert "Resources</summary>" not in twin.render(view(_run()))


def test_the_machine_is_told_beside_what_is_promised() -> None:
    now = MachineUse(
        cpu=1.26, memory_bytes=5 << 30, memory_total_bytes=16 << 30, workers_bytes=2 << 30, kernels_bytes=1 << 30,
        disk_free_bytes=40 << 30, home_parts=(DiskPart(name="values and reports", bytes=3 << 30),),
        is_home_whole=False,
    )  # fmt: skip
    shown = ResourcesView(cpu=4, cpu_used=1, memory_bytes=16 << 30, memory_used_bytes=0, now=now)
    lines = holders.text(shown).splitlines()
    assert "machine  1.3 cores busy, 5 GiB of 16 GiB memory (workers 2 GiB, kernels 1 GiB)" in lines
    assert "disk     40 GiB free, the home takes at least 3 GiB (values and reports 3 GiB)" in lines
    assert "1.3 cores busy" in holders.page(shown)
