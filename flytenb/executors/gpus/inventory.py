"""The GPUs of this machine: declared, told by the driver, or none, with the reason in words."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Collection, Mapping

from flytenb.executors.gpus import owners, smi
from flytenb.executors.gpus.declared import VARIABLE, declared
from flytenb.executors.gpus.nvml import Nvml, NvmlError
from flytenb.model.devices import Gpu, GpusFound, GpuUse, Outside

_log = logging.getLogger(__name__)


class Inventory:
    """Looks for GPUs and at their use. Every method blocks; one caller at a time."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._nvml: Nvml | None = None
        self._devices: tuple[Gpu, ...] = ()
        #: "nvml", "smi", or "" when their use cannot be looked at.
        self._source = ""
        #: Of outside processes: a name costs reading, and perhaps a request.
        self._names: dict[int, str] = {}

    def find(self, ours: Collection[int] = ()) -> GpusFound:
        """What there is, with a first look at its use. `ours`: pids of this engine's workers."""
        given = self._environ.get(VARIABLE, "").strip()
        try:
            real, words = self._real()
        except Exception as error:  # a broken driver raises anything
            _log.exception("the GPUs of this machine cannot be found")
            real, words = (), f"they cannot be found: {error}"
        devices = real
        if given:
            try:
                devices, words = declared(given), f"{VARIABLE}={given!r}"
            except ValueError as error:
                devices, words = (), str(error)
            known = {gpu.id for gpu in real}
            if any(gpu.id not in known for gpu in devices):
                self._source = ""  # made up, for a rehearsal: nothing to look at
        self._devices = devices
        uses = self.look(ours) if self._source else ()
        return GpusFound(devices=devices, words=words, uses=uses, is_observable=bool(self._source and devices))

    def _real(self) -> tuple[tuple[Gpu, ...], str]:
        self._source = ""
        try:
            self._nvml = self._nvml or Nvml()
            devices, source = self._nvml.devices(), "nvml"
        except NvmlError as no_nvml:
            try:
                table = smi.query()
                listing = smi.run("-L") if any(row[-1] for row in smi.rows(table)) else ""
                devices, source = smi.devices(table, listing), "smi"
            except smi.SmiError as no_smi:
                return (), self._none(str(no_nvml), str(no_smi))
        if not devices:
            return (), "the driver answers and finds no GPU"
        self._source = source
        return self._visible(devices, "the NVIDIA driver")

    def _none(self, no_nvml: str, no_smi: str) -> str:
        if os.path.exists("/dev/kfd"):
            return f'AMD GPUs are not counted by themselves: declare them, {VARIABLE}="MI300X:8"'
        return no_smi if "installed" in no_nvml or "no nvidia-smi" not in no_smi else no_nvml

    def _visible(self, devices: tuple[Gpu, ...], words: str) -> tuple[tuple[Gpu, ...], str]:
        """Those that the engine's own environment lets it use: a cluster's or a person's choice."""
        given = self._environ.get("CUDA_VISIBLE_DEVICES")
        if given is None:
            return devices, words
        seen: list[Gpu] = []
        for token in (part.strip() for part in given.split(",")):
            gpu = next((gpu for gpu in devices if gpu.id == token), None) or next(
                (gpu for gpu in devices if token.startswith(("GPU-", "MIG-")) and gpu.uuid.startswith(token)), None
            )
            if gpu is None:
                break  # as CUDA reads it: the first that it does not know ends the list
            seen.append(gpu)
        return tuple(seen), f"CUDA_VISIBLE_DEVICES={given!r} where the engine was started"

    def look(self, ours: Collection[int], contained: Collection[str] = ()) -> tuple[GpuUse, ...]:
        """Who uses them now; () when nobody can tell any more.

        Args:
            ours: pids of this engine's workers.
            contained: GPUs that its containers have: processes of containers are theirs there.
        """
        try:
            seen = self._by_nvml() if self._source == "nvml" else self._by_smi()
        except (NvmlError, smi.SmiError) as error:
            _log.warning("the use of GPUs cannot be seen: %s", error)
            return ()
        pids = {pid for _, _, _, processes in seen for pid, _ in processes}
        self._names = {pid: name for pid, name in self._names.items() if pid in pids}
        return tuple(
            GpuUse(
                id=gpu.id,
                free_bytes=free,
                total_bytes=total,
                outside=self._outside(processes, ours, gpu.id in contained),
            )
            for gpu, free, total, processes in seen
        )

    def measure(self, idents: Collection[str]) -> dict[str, tuple[float | None, int, int]]:
        """(share of the last moment in which it computed, bytes in use, bytes in all) of those that the driver knows.

        Only the library tells at once: a process for each look would cost more than what it looks at.
        """
        if self._source != "nvml" or self._nvml is None:
            return {}
        found = {}
        for gpu in self._devices:
            if gpu.id in idents:
                with contextlib.suppress(NvmlError):
                    found[gpu.id] = self._nvml.measure(gpu)
        return found

    def _outside(
        self, processes: list[tuple[int, int]], ours: Collection[int], has_container: bool
    ) -> tuple[Outside, ...]:
        found = []
        for pid, size_bytes in processes:
            if owners.is_of(pid, ours) or (has_container and owners.is_contained(pid)):
                continue
            if pid not in self._names:
                self._names[pid] = owners.words(pid)
            found.append(Outside(pid=pid, words=self._names[pid], bytes=size_bytes))
        return tuple(sorted(found, key=lambda outside: -outside.bytes))

    def _by_nvml(self) -> list[tuple[Gpu, int, int, list[tuple[int, int]]]]:
        assert self._nvml is not None
        return [(gpu, *self._nvml.use(gpu)) for gpu in self._devices]

    def _by_smi(self) -> list[tuple[Gpu, int, int, list[tuple[int, int]]]]:
        table = {row[0]: row for row in smi.rows(smi.query())}
        processes = smi.processes(smi.compute_apps())
        return [
            (gpu, table[gpu.id][4], table[gpu.id][3], processes.get(table[gpu.id][1], []))
            for gpu in self._devices
            if gpu.id in table
        ]
