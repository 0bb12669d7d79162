"""Pod templates: recorded with the task; only the grace period means something outside a cluster."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import msgspec

from flytenb.errors import NotAvailableError

_CAPABILITY = "flyte.org/capability-"


class PodTemplate(msgspec.Struct):
    """A Kubernetes pod under a task.

    Args:
        pod_spec: a `kubernetes.client.V1PodSpec`, or any object; it is kept as given.
        primary_container_name: the container that the task runs in.
        labels, annotations: of the pod.
    """

    pod_spec: Any = None
    primary_container_name: str = "primary"
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    #: Seconds between the polite and the hard end of an attempt.
    termination_grace_period_s: float | None = None

    @classmethod
    def from_spec(
        cls,
        pod_spec: Any,
        *,
        primary_container_name: str | None = None,
        labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
    ) -> PodTemplate:
        """A template around a copy of a pod spec; the primary container is the named, the "primary" or the only one.

        Raises:
            ValueError: the container is not there, or several could be meant.
        """
        names = [container.name for container in getattr(pod_spec, "containers", None) or []]
        name = primary_container_name
        if name is None:
            name = "primary" if "primary" in names or not names else names[0] if len(names) == 1 else None
        if name is None or (names and name not in names):
            raise ValueError(
                f"pod_spec has the containers {', '.join(names)}; name one of them with primary_container_name="
            )
        return cls(copy.deepcopy(pod_spec), name, labels, annotations)

    def with_termination_grace_period(self, period: int | timedelta) -> PodTemplate:
        """With this many seconds between the polite and the hard end of an attempt."""
        seconds = period.total_seconds() if isinstance(period, timedelta) else period
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds < 0:
            raise ValueError(f"termination grace period {period!r} must be seconds or a timedelta of at least 0")
        return msgspec.structs.replace(self, termination_grace_period_s=float(seconds))

    def allow_fuse(self, privileged: bool = False) -> PodTemplate:
        """With the right to mount FUSE file systems; recorded."""
        return self._marked("fuse-privileged" if privileged else "fuse")

    def allow_nested_sandboxing(self) -> PodTemplate:
        """With the right to start sandboxes inside; recorded."""
        return self._marked("nested-sandboxing")

    def _marked(self, capability: str) -> PodTemplate:
        return msgspec.structs.replace(self, annotations={**(self.annotations or {}), _CAPABILITY + capability: "true"})

    def to_k8s_pod(self) -> Any:
        """Not here: there is no cluster to give it to."""
        raise NotAvailableError("PodTemplate.to_k8s_pod", "pod templates are recorded; read .pod_spec instead")
