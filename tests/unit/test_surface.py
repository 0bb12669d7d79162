"""What `import flytenb` promises, and what it costs."""

import inspect
import subprocess
import sys

import pytest

import flytenb

#: `flyte.__all__` of flyte 2.12.1.
_FLYTES = [
    "AMD_GPU",
    "APPLE_SILICON",
    "GPU",
    "HABANA_GAUDI",
    "TPU",
    "AppHandle",
    "AsyncFunctionTaskTemplate",
    "Backoff",
    "BaseCheckpoint",
    "Cache",
    "CachePolicy",
    "CacheRequest",
    "Checkpoint",
    "ConditionWebhook",
    "Cron",
    "Device",
    "DeviceClass",
    "Documentation",
    "Environment",
    "FixedRate",
    "Image",
    "ImageBuild",
    "Link",
    "Neuron",
    "OnArtifact",
    "PodTemplate",
    "Resources",
    "RetryStrategy",
    "ReusePolicy",
    "Secret",
    "SecretRequest",
    "TaskEnvironment",
    "TaskTemplate",
    "Timeout",
    "TimeoutType",
    "Trigger",
    "TriggerTime",
    "TriggeredArtifact",
    "TriggeredPartition",
    "__version__",
    "build",
    "build_images",
    "ctx",
    "current_domain",
    "current_project",
    "custom_context",
    "deploy",
    "get_custom_context",
    "group",
    "init",
    "init_from_api_key",
    "init_from_config",
    "init_in_cluster",
    "init_passthrough",
    "is_control_plane_available",
    "latest_checkpoint",
    "load_interactive_ctx",
    "load_plugin_config",
    "logger",
    "map",
    "new_condition",
    "rerun",
    "run",
    "run_python_script",
    "serve",
    "system_logger",
    "trace",
    "version",
    "with_runcontext",
    "with_servecontext",
]

#: Name of Flyte's → why it is not here.
_ABSENT: dict[str, str] = {}

#: Names of ours, with the reason.
_OURS = {
    "Directory": "older spelling of flyte.io.Dir",
    "File": "older spelling of flyte.io.File",
    "GPUAccelerator": "older spelling of flyte.GPU",
    "spin": "one action again, with today's code",
    "plan": "what a run would take from the cache, and how long it would take",
    "where": "the run, action and code that a value came out of",
    "compare": "what differs between two runs",
    "runs": "the runs of this home: a table, a list, a figure",
    "batch": "a notebook executed unattended",
    "sweep": "one task at every point of a grid",
    "progress": "how far a task is, shown in its run's view",
}

_FACES = {
    "app": "AppEndpoint AppEnvironment ArtifactValue ConnectorEnvironment DeployedAppEnvironment Domain Link Parameter "
    "Port RunOutput Scaling Subdomain Timeouts ctx get_parameter",
    "app.extras": "FastAPIAppEnvironment FastAPIPassthroughAuthMiddleware FlyteWebhookAppEnvironment",
    "clustered": "ClusterFailurePolicy ClusteredTaskEnvironment ClusteredTaskTemplate JaxRun Runtime TorchRun "
    "jax_initialize",
    "config": "Config auto get_config_file set_if_exists",
    "durable": "now sleep time",
    "extend": "PRIMARY_CONTAINER_DEFAULT_NAME Architecture AsyncFunctionTaskTemplate ImageBuildEngine ImageBuilder "
    "ImageChecker RuntimeTaskTemplate TaskPluginRegistry TaskTemplate download_code_bundle "
    "get_proto_extended_resources get_proto_resources is_initialized lazy_module pod_spec_from_resources",
    "extras": "BatchStats ContainerTask CostEstimator DynamicBatcher Prompt Sleep SleepTask TokenBatcher "
    "TokenEstimator model_streamer serialize serialize_env shell webhooks",
    "io": "PARQUET DataFrame Dir EmptyDir File HashFunction",
    "models": "ActionID ActionPhase CheckpointPaths CodeBundle NativeInterface SerializationContext TaskContext",
    "notify": "Email NamedDelivery NamedRule Notification Slack Teams Webhook",
    "remote": "Action ActionDetails ActionInputs ActionOutputs App Artifact Condition PartitionSchema Project Run "
    "RunDetails Secret SecretTypes Settings Task TaskDetails TimeFilter Trigger TriggerDetails User auth_metadata "
    "upload_dir upload_file",
    "report": "Report Timeline abbreviate current_report duration_ms flush get_tab log replace",
    "storage": "ABFS GCS S3 Storage exists exists_sync get get_configured_fsspec_kwargs get_random_local_directory "
    "get_random_local_path get_stream get_underlying_filesystem is_remote join open put put_stream",
    "syncify": "Syncify syncify",
    "types": "FlytePickle Renderable TypeEngine TypeTransformer TypeTransformerFailedError guess_interface "
    "literal_string_repr",
}


def test_all_is_flytes_list_and_ours():
    assert len(_FLYTES) == 70
    assert set(flytenb.__all__) == (set(_FLYTES) - set(_ABSENT)) | set(_OURS)
    assert len(flytenb.__all__) == len(set(flytenb.__all__))


@pytest.mark.parametrize("name", flytenb.__all__)
def test_every_name_loads(name):
    assert getattr(flytenb, name) is not None
    assert name in dir(flytenb)


@pytest.mark.parametrize("face", sorted(_FACES))
def test_faces_have_flytes_names(face):
    module = flytenb
    for part in face.split("."):
        module = getattr(module, part)
    missing = [name for name in _FACES[face].split() if not hasattr(module, name)]
    assert missing == []
    assert set(_FACES[face].split()) <= set(module.__all__)


def test_public_things_are_documented():
    bare = [
        name
        for name in flytenb.__all__
        if (inspect.isclass(getattr(flytenb, name)) or inspect.isfunction(getattr(flytenb, name)))
        and not inspect.getdoc(getattr(flytenb, name))
    ]
    assert bare == []


def test_unknown_names_say_near_ones():
    with pytest.raises(AttributeError, match="did you mean Resources"):
        flytenb.Resource
    with pytest.raises(AttributeError):
        flytenb._private


def _loaded(code: str) -> set[str]:
    probe = f"import sys\n{code}\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{probe}"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    return set(done.stdout.split())


_HEAVY = {"IPython", "pandas", "numpy", "pydantic", "docker", "ray", "polars", "pyarrow", "rich", "click", "starlette"}


def test_importing_it_loads_nothing():
    loaded = _loaded("import flytenb")
    assert loaded & (_HEAVY | {"asyncio", "msgspec", "dataclasses", "inspect"}) == set()
    assert {name for name in loaded if name.startswith("flytenb")} == {"flytenb"}


def test_declaring_a_task_loads_no_libraries():
    loaded = _loaded(
        "import flytenb as flyte\n"
        "env = flyte.TaskEnvironment('e', resources=flyte.Resources(cpu=1))\n"
        "@env.task(retries=1, cache='auto')\n"
        "async def f(x: int) -> int: return x\n"
        "f.interface\n"
        "flyte.trace, flyte.group, flyte.map, flyte.ctx\n"
    )
    assert loaded & (_HEAVY | {"cloudpickle", "fsspec", "psutil", "sqlite3"}) == set()
    assert "flytenb.engine" not in loaded


def test_the_sdk_needs_no_asyncio_at_import():
    names = "cache devices environment image mapping policy report resources task trace trigger"
    loaded = _loaded("\n".join(f"import flytenb.sdk.{name}" for name in names.split()))
    assert "asyncio" not in loaded
