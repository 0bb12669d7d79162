"""What the engine must know of a task to place, retry and show it: no code, no values."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from flytenb.model.condition import ConditionSpec
from flytenb.model.image import ImageSpec, SecretSpec


class ResourceRequest(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What an action asks for; None means not said (the engine counts one CPU, no memory)."""

    cpu: float | None = None
    memory_bytes: int | None = None
    gpu: int = 0
    gpu_kind: str = ""
    #: "GPU" (NVIDIA), "AMD_GPU", "TPU" … and a slice of one, "1g.5gb"; "" = any, whole.
    gpu_class: str = ""
    gpu_partition: str = ""
    disk_bytes: int | None = None
    shm_bytes: int | None = None


class Reuse(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Workers that live on between actions: how many, and for how long."""

    min_replicas: int = 0
    max_replicas: int = 1
    #: Actions that one worker runs at a time (async tasks).
    concurrency: int = 1
    #: Seconds after which a pool without any work ends, and a worker beyond the minimum.
    idle_ttl_s: float = 30.0
    scaledown_ttl_s: float = 30.0
    #: "global", or "run": no other run uses these workers.
    scope: str = "global"


class Grant(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the scheduler gives one worker of what the machine has."""

    cpu: float = 1.0
    #: 0 = no limit.
    memory_bytes: int = 0
    shm_bytes: int = 0
    disk_bytes: int = 0
    #: Ids of single GPUs that are this worker's alone: as the container engine and CUDA take them.
    gpus: tuple[str, ...] = ()
    #: "nvidia" or "amd".
    gpu_vendor: str = "nvidia"
    #: How many GPUs workers of this kind get when their software is there: this one only makes it ready.
    gpus_later: int = 0
    #: It keeps its GPUs also when its software has to be made.
    keeps_gpus: bool = False
    #: In words: what its task asks for beyond what the machine has at all.
    notes: tuple[str, ...] = ()


class Launch(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a worker process must look like to run the task; equal launches share workers."""

    #: The interpreter that the caller runs.
    python: str
    cwd: str
    #: Digest (hex) of bundled files that must be importable by their own names; "" when the program is one module.
    files: str = ""
    env_vars: dict[str, str] = {}
    #: "shared" = warm worker; "strict" = a fresh process per action.
    isolation: str = "shared"
    #: None = the caller's own environment.
    image: ImageSpec | None = None
    #: "auto", "process" or "docker"; what was asked for the whole run and, weaker than a task's own, by default.
    executor: str = "auto"
    run_executor: str = ""
    default_executor: str = ""
    #: Where a layer cannot be realised: "auto" runs with a recorded note, "strict" refuses; "ignore" never looks.
    images: str = "auto"
    #: Of a container: "" = the machine's default, "none", "bridge", "host", or a network's name.
    network: str = ""
    secrets: tuple[SecretSpec, ...] = ()
    reuse: Reuse | None = None
    #: A container whose action failed stays, to be looked at.
    keep_on_failure: bool = False
    #: Every action is a container of its own, which the worker starts: image, variables and limits are the container's.
    is_contained: bool = False


class CacheSettings(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a task said of its cache beside the behavior: kept to explain misses."""

    version: str = ""
    salt: str = ""
    ignored: tuple[str, ...] = ()
    #: Names of policies that made the version in place of the code's key.
    policies: tuple[str, ...] = ()


class TaskDeclaration(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A task as one call of it was configured. Its digest identifies it on the wire; it is stored once."""

    #: "environment.function".
    name: str
    short_name: str
    environment: str
    launch: Launch
    #: Digest (hex) of the program in the object store.
    program: str
    #: Qualified name of the function inside the program.
    entry: str
    is_async: bool = True
    resources: ResourceRequest = ResourceRequest()
    #: User attempts after the first.
    retries: int = 0
    #: Seconds before attempt 2, growth per attempt, and cap; base 0 = at once.
    backoff_base_s: float = 0.0
    backoff_factor: float = 1.0
    backoff_cap_s: float = 0.0
    #: Seconds one attempt may run; 0 = no limit.
    timeout_s: float = 0.0
    #: Seconds an attempt may wait in the queue, and all attempts together; 0 = no limit.
    queue_timeout_s: float = 0.0
    deadline_s: float = 0.0
    has_report: bool = False
    #: "auto", "override" or "disable".
    cache: str = "disable"
    #: The code's key (hex), "" when the task is not cached or was refused one.
    key: str = ""
    #: The key of its source (hex) whatever its cache says; "" when it was refused one.
    code: str = ""
    #: Why the key may be incomplete, in words.
    key_doubts: tuple[str, ...] = ()
    #: Seconds after which a cached result is not used any more; 0 = never.
    cache_max_age_s: float = 0.0
    #: Equal calls that must run do so one after the other.
    is_serialized: bool = False
    cache_settings: CacheSettings | None = None
    #: JSON description of inputs and outputs.
    interface: dict[str, Any] = {}
    #: "Cell In[4]" or a file's path, and the line of the function.
    source: str = ""
    source_line: int = 0
    #: Image as text, for people; `launch.image` says what it is made of.
    image: str = ""
    #: A timer instead of code (`flyte.extras.Sleep`): the first input is the seconds.
    is_timer: bool = False
    #: A question to a person instead of code (`flyte.new_condition`): no worker runs it.
    condition: ConditionSpec | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(TaskDeclaration).decode


def encode_declaration(declaration: TaskDeclaration) -> tuple[bytes, bytes]:
    """Digest (16 bytes) and body of a declaration."""
    body = _encode(declaration)
    return digest_of(body), body


def digest_of(body: bytes) -> bytes:
    """What a declaration goes by (16 bytes)."""
    return blake2b(b"flytenb.declaration/1\0" + body, digest_size=16).digest()


def decode_declaration(body: bytes) -> TaskDeclaration:
    """The declaration in a stored body."""
    return _decode(body)
