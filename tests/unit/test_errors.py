"""Every error: its text, its place in the tree, and that it survives pickling."""

import inspect
import pickle
import re

import pytest

from flytenb import errors

_FLYTES = [
    "ActionAbortedError",
    "ActionNotFoundError",
    "AppleSiliconBridgeUnreachableError",
    "AppleSiliconDaemonOOMError",
    "AppleSiliconDaemonStartFailedError",
    "AppleSiliconError",
    "AppleSiliconHostExecFailedError",
    "AppleSiliconModelNotFoundError",
    "AppleSiliconNotAvailableError",
    "BaseRuntimeError",
    "CodeBundleError",
    "ConditionAlreadyExistsError",
    "ConditionFailedError",
    "ConditionNotFoundError",
    "ConditionTimedoutError",
    "CustomError",
    "DeadlineExceededError",
    "DeploymentError",
    "GPUFaultError",
    "GPUFaultSystemError",
    "GPUFaultUserError",
    "ImageBuildError",
    "ImagePullBackOffError",
    "InitializationError",
    "InlineIOMaxBytesBreached",
    "InvalidImageNameError",
    "InvalidPackageError",
    "LogsNotYetAvailableError",
    "MaxQueuedTimeExceededError",
    "MaxRuntimeExceededError",
    "ModuleLoadError",
    "NonRecoverableError",
    "NotInTaskContextError",
    "OOMError",
    "OnlyAsyncIOSupportedError",
    "ParameterMaterializationError",
    "PrimaryContainerNotFoundError",
    "RemoteTaskNotFoundError",
    "RemoteTaskUsageError",
    "ResourceExhaustedError",
    "RestrictedTypeError",
    "RetriesExhaustedError",
    "RuntimeDataValidationError",
    "RuntimeSystemError",
    "RuntimeUnknownError",
    "RuntimeUserError",
    "SlowDownError",
    "SyncTaskCallInAsyncContextError",
    "TaskInterruptedError",
    "TaskTimeoutError",
    "TraceDoesNotAllowNestedTasksError",
    "UnionRpcError",
]

_CLASSES = [
    cls
    for name, cls in ((name, getattr(errors, name)) for name in dir(errors))
    if inspect.isclass(cls) and issubclass(cls, Exception) and not name.startswith("_")
]
_VALUES = {
    "what": "run.timeline()", "package": "it broke",
    "code": "Code", "message": "it broke", "root_cause_message": "it broke", "kind": "user", "var": "x",
    "e": "it broke", "package_name": "gti", "original_error": "it broke", "task": "env.f", "parameter": "x",
    "name": "flyte.x", "instead": "it broke",
}  # fmt: skip


def make(cls):
    """An instance by its constructor's own parameters."""
    if not inspect.isfunction(cls.__init__):
        return cls("it broke")
    parameters = [p for p in inspect.signature(cls).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    if not parameters:
        return cls("it broke")
    return cls(*(_VALUES[p.name] for p in parameters if p.default is p.empty))


@pytest.mark.parametrize("cls", _CLASSES, ids=lambda cls: cls.__name__)
def test_text_and_pickling(cls):
    error = make(cls)
    assert re.search("it broke|type hint", str(error))
    there = pickle.loads(pickle.dumps(error))
    assert type(there) is cls
    assert str(there) == str(error)
    assert vars(there) == vars(error)
    assert there.args == error.args
    if isinstance(error, errors.BaseRuntimeError):
        assert there.kind in ("user", "system", "unknown")
        assert there.code


@pytest.mark.parametrize("name", _FLYTES)
def test_flytes_names_are_there_and_in_the_drawn_tree(name):
    assert inspect.isclass(getattr(errors, name))
    assert re.search(rf"\b{name}\b", errors.__doc__)


def test_the_drawn_tree_is_true():
    drawn = {}
    stack = []
    for line in errors.__doc__.splitlines():
        found = re.match(r"^(?P<lead>[ │├└─]*)(?P<name>[A-Z]\w+)\b", line)
        if not found or found["name"] not in dir(errors):
            continue
        depth = len(found["lead"]) // 4
        stack[depth:] = [found["name"]]
        drawn[found["name"]] = stack[depth - 1] if depth > 1 else None
    for name, parent in drawn.items():
        if parent is not None:
            assert issubclass(getattr(errors, name), getattr(errors, parent)), (name, parent)
    assert set(drawn) == {cls.__name__ for cls in _CLASSES}


def test_timeouts_and_user_errors():
    assert errors.TaskTimeoutError("m").code == "TaskTimeoutError"
    assert errors.MaxRuntimeExceededError("m").code == "MaxRuntimeExceededError"
    assert issubclass(errors.DeadlineExceededError, errors.TaskTimeoutError)
    assert errors.NonRecoverableError("m").code == "NonRecoverableError"
    assert errors.NonRecoverableError("m", "Mine").code == "Mine"
    cause = KeyError("k")
    custom = errors.CustomError.from_exception(cause)
    assert (custom.code, custom.__cause__) == ("KeyError", cause)


def test_gpu_faults():
    fault = errors.GPUFaultUserError("c", "m", fault_kind="xid", fault_code=31, node="n")
    assert isinstance(fault, errors.RuntimeUserError)
    assert (fault.xid, fault.sxid, fault.node, fault.kind) == (31, None, "n", "user")
    assert isinstance(errors.GPUFaultSystemError("c", "m"), errors.RuntimeSystemError)


def test_arithmetic_raises_the_error_itself():
    error = errors.RuntimeUserError("Code", "it broke")
    for use in (lambda: sum([1, error]), lambda: error + 1, lambda: 2 * error, lambda: error / 2, lambda: 1 - error):
        with pytest.raises(errors.RuntimeUserError) as caught:
            use()
        assert caught.value is error


@pytest.mark.parametrize(
    ("code", "kind", "cls"),
    [
        ("OOMError", "user", errors.OOMError),
        ("OOMKilled", "user", errors.OOMError),
        ("MaxRuntimeExceededError", "user", errors.MaxRuntimeExceededError),
        ("RestrictedTypeUsage", "user", errors.RestrictedTypeError),
        ("APPLE_SILICON_DAEMON_OOM", "user", errors.AppleSiliconDaemonOOMError),
        ("ValueError", "user", errors.RuntimeUserError),
        ("Anything", "system", errors.RuntimeSystemError),
        ("Anything", "unknown", errors.RuntimeUnknownError),
    ],
)
def test_from_a_code_to_its_class(code, kind, cls):
    error = errors.error_of(code, "it broke", kind, "worker 1")
    assert type(error) is cls
    assert (error.code, str(error), error.kind, error.worker) == (code, "it broke", kind, "worker 1")
    assert pickle.loads(pickle.dumps(error)).code == code
