"""Who holds what of the machine: CPUs, memory, GPUs, and who waits. Text for the shell, HTML for a cell."""

from __future__ import annotations

from flytenb.model.resources import GpuRow, MachineUse, ResourcesView, UserRow
from flytenb.views import twin, words
from flytenb.views.escape import html, one_line

_SHOWN = 20


def text(view: ResourcesView) -> str:
    """One line for each thing that there is, and for each action that waits."""
    lines = [
        f"CPU      {view.cpu_used:g} of {view.cpu:g} in use",
        f"memory   {words.size(view.memory_used_bytes)} of {words.size(view.memory_bytes)} promised",
    ]
    if view.now is not None:
        lines += [f"{name:<9}{said}" for name, said in _machine(view.now)]
    if view.gpus:
        lines.append(f"GPUs     {_kinds(view)}, {one_line(view.gpus_from, 80)}")
        lines += [f"  {one_line(_name(gpu), 40):<18} {one_line(_state(gpu), 160)}" for gpu in view.gpus]
    else:
        lines.append(f"GPUs     none: {one_line(view.gpus_from, 160)}")
    lines += [f"running  {one_line(_who(user), 60)}{_holds(user)}" for user in view.running[:_SHOWN]]
    lines += [f"waiting  {one_line(_who(user), 60)}  {one_line(user.does, 160)}" for user in view.waiting[:_SHOWN]]
    more = view.waiting_count - min(_SHOWN, len(view.waiting))
    return "\n".join(lines + ([f"         and {words.count(more)} more that wait"] if more > 0 else []))


def page(view: ResourcesView) -> str:
    """The same as tables."""
    head = (
        f"{view.cpu_used:g} of {view.cpu:g} CPU in use, {html(words.size(view.memory_used_bytes))} of "
        f"{html(words.size(view.memory_bytes))} memory promised"
    )
    parts = [f"<div>{head}</div>"]
    if view.now is not None:
        parts += [f"<div>{html(name.capitalize())}: {html(said, 300)}</div>" for name, said in _machine(view.now)]
    if view.gpus:
        rows = [(html(_name(gpu), 40), html(_state(gpu), 200)) for gpu in view.gpus]
        parts.append(twin.table(("GPU", "Held by"), rows))
    else:
        parts.append(f"<div>No GPUs: {html(view.gpus_from, 200)}</div>")
    users = [*view.running[:_SHOWN], *view.waiting[:_SHOWN]]
    if users:
        rows = [(html(_who(user), 80), html(user.does, 200)) for user in users]
        parts.append(twin.table(("Action", "Does"), [(who, does) for who, does in rows]))
    return twin.section("".join(parts), "Resources")


def _machine(now: MachineUse) -> list[tuple[str, str]]:
    """What is really used, by whoever, and what the home takes."""
    whose = words.joined(
        f"{name} {words.size(size_bytes)}"
        for name, size_bytes in (("workers", now.workers_bytes), ("kernels", now.kernels_bytes))
        if size_bytes
    )
    memory = f"{words.size(now.memory_bytes)} of {words.size(now.memory_total_bytes)} memory"
    parts = words.joined(f"{part.name} {words.size(part.bytes)}" for part in now.home_parts[:4])
    home = ("" if now.is_home_whole else "at least ") + words.size(sum(part.bytes for part in now.home_parts))
    return [
        ("machine", f"{now.cpu:.1f} cores busy, {memory}" + (f" ({whose})" if whose else "")),
        ("disk", f"{words.size(now.disk_free_bytes)} free, the home takes {home}" + (f" ({parts})" if parts else "")),
    ]


def _kinds(view: ResourcesView) -> str:
    counts: dict[str, int] = {}
    for gpu in view.gpus:
        counts[gpu.kind or "GPU"] = counts.get(gpu.kind or "GPU", 0) + 1
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def _name(gpu: GpuRow) -> str:
    number = gpu.id if len(gpu.id) < 8 else f"{gpu.id[:12]}…"
    return " ".join(filter(None, (f"GPU {number}", gpu.kind, gpu.partition)))


def _state(gpu: GpuRow) -> str:
    parts = [f"{_who(user)} ({user.does})" for user in gpu.users]
    if not parts:
        parts = ["an idle worker, until another one wants it" if gpu.is_idle else "free"]
    parts += [f"{outside.words}: {words.size(outside.bytes)}" for outside in gpu.outside]
    if gpu.busy >= 0:
        parts.append(f"{gpu.busy * 100:.0f} % busy")
    if gpu.free_bytes and gpu.memory_bytes:
        parts.append(f"{words.size(gpu.free_bytes)} of {words.size(gpu.memory_bytes)} free")
    return "; ".join(parts)


def _who(user: UserRow) -> str:
    return f"{user.run}/{user.action} {user.task}"


def _holds(user: UserRow) -> str:
    gpus = f"GPU {', '.join(user.gpus)}" if user.gpus else ""
    memory = words.size(user.memory_bytes) if user.memory_bytes else ""
    return f"  {words.joined(filter(None, (f'{user.cpu:g} CPU' if user.cpu else user.does, memory, gpus)))}"
