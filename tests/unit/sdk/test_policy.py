import re
import warnings
from datetime import timedelta

import pytest

from flytenb.sdk.cache import Cache, FunctionBodyPolicy, VersionParameters
from flytenb.sdk.environment import TaskEnvironment
from flytenb.sdk.pod import PodTemplate
from flytenb.sdk.policy import Backoff, RetryStrategy, ReusePolicy, Timeout
from flytenb.sdk.secret import Secret, check_secrets, secrets_of

S = timedelta(seconds=1)


def test_backoff_delays():
    backoff = Backoff(S, 2.0, 5 * S)
    assert [backoff.compute_delay(n).total_seconds() for n in range(4)] == [1, 2, 4, 5]
    assert backoff.compute_delay(5000) == 5 * S
    assert Backoff(S).compute_delay(9) == S


@pytest.mark.parametrize(
    "make",
    [
        lambda: Backoff(-S),
        lambda: Backoff(1),
        lambda: Backoff(S, 0.5),
        lambda: Backoff(S, float("nan")),
        lambda: Backoff(S, 2.0),
        lambda: Backoff(S, 1.0, -S),
        lambda: Backoff(S).compute_delay(-1),
        lambda: RetryStrategy(-1),
        lambda: RetryStrategy(1.5),
        lambda: RetryStrategy.of("3"),
        lambda: RetryStrategy(True),
        lambda: Timeout(max_runtime=-1),
        lambda: Timeout(deadline="1h"),
        lambda: Timeout.of("5"),
        lambda: Timeout.of(True),
        lambda: ReusePolicy(replicas=(3, 1)),
        lambda: ReusePolicy(replicas=(1, 2, 3)),
        lambda: ReusePolicy(replicas="2"),
        lambda: ReusePolicy(concurrency=0),
        lambda: ReusePolicy(idle_ttl=5),
        lambda: ReusePolicy(scaledown_ttl=S),
        lambda: ReusePolicy(scope="all"),
        lambda: Cache("always"),
        lambda: Cache("auto", max_age=-1),
        lambda: Cache("auto", policies=[]),
        lambda: Secret("a b"),
        lambda: Secret("k", mount="/tmp"),
        lambda: Secret("k", as_env_var="lower"),
        lambda: Secret(""),
        lambda: PodTemplate().with_termination_grace_period(-1),
    ],
)
def test_what_is_refused(make):
    with pytest.raises(ValueError):
        make()


def test_durations():
    assert Timeout.of(0).seconds == (0, 0, 0)
    assert Timeout.of(None).seconds == (0, 0, 0)
    assert Timeout.of(timedelta(minutes=1)).seconds == (60, 0, 0)
    assert Timeout(max_runtime=1.5, max_queued_time=S, deadline=9).seconds == (1.5, 1, 9)


def test_reuse():
    policy = ReusePolicy(replicas=3)
    assert (policy.min_replicas, policy.max_replicas, policy.get_scaledown_ttl()) == (3, 3, 30 * S)
    assert ReusePolicy(replicas=(0, 2), idle_ttl=60).idle_ttl == 60 * S


@pytest.mark.parametrize(
    ("given", "behavior"),
    [
        (True, "auto"),
        (False, "disable"),
        (None, "disable"),
        ("auto", "auto"),
        ("enable", "auto"),
        ("On", "auto"),
        ("off", "disable"),
        ("none", "disable"),
        ("override", "override"),
        (Cache("auto"), "auto"),
    ],
)
def test_words_for_caching(given, behavior):
    assert Cache.of(given).behavior == behavior


def test_versions_of_the_cache():
    code = VersionParameters(None, code_key="ab")
    other = VersionParameters(None, code_key="cd")
    assert Cache("disable").get_version(code) == ""
    assert Cache("auto").get_version(code) == "ab"
    assert Cache("auto").get_version(VersionParameters(None)) == ""
    assert Cache("auto", salt="x").get_version(code) not in ("ab", Cache("auto", salt="y").get_version(code), "")
    fixed = Cache("auto", version_override="v1")
    assert fixed.get_version(code) == fixed.get_version(other) == fixed.get_version(None)
    assert fixed.get_version(code) != Cache("auto", version_override="v2").get_version(code)
    assert not fixed.needs_code_key
    assert Cache("auto").needs_code_key

    class Mine:
        def get_version(self, salt, params):
            return salt + "mine"

    mine = Cache("auto", policies=Mine())
    assert mine.get_version(code) == mine.get_version(other) != ""
    assert Cache("auto", policies=[FunctionBodyPolicy()]).get_version(code) != Cache(
        "auto", policies=[FunctionBodyPolicy()]
    ).get_version(other)


def test_fields_of_the_cache():
    cache = Cache("auto", ignored_inputs="verbose", max_age=60)
    assert cache.get_ignored_inputs() == ("verbose",)
    assert cache.max_age == timedelta(minutes=1)
    with pytest.raises(TypeError):
        Cache("auto", max_age="1h")
    with pytest.raises(TypeError):
        Cache.of(3)


def test_secrets():
    assert Secret("my-key", "team").as_env_var == "TEAM_MY_KEY"
    assert Secret("k", mount="/etc/flyte/secrets").as_env_var is None
    assert secrets_of(["a", Secret("b")]) == [Secret("a"), Secret("b")]
    assert secrets_of(None) == []
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    with pytest.raises(TypeError, match="must be a name"):
        check_secrets([1])


def test_pods():
    template = PodTemplate(labels={"a": "b"}).with_termination_grace_period(timedelta(minutes=1)).allow_fuse()
    assert template.termination_grace_period_s == 60
    assert template.annotations == {"flyte.org/capability-fuse": "true"}

    class Container:
        def __init__(self, name):
            self.name = name

    class Spec:
        containers = (Container("x"), Container("y"))

    with pytest.raises(ValueError, match="primary_container_name="):
        PodTemplate.from_spec(Spec())
    assert PodTemplate.from_spec(Spec(), primary_container_name="y").primary_container_name == "y"
    with pytest.raises(NotImplementedError, match=r"read .pod_spec"):
        template.to_k8s_pod()


def test_one_worker_for_one_action_is_worth_a_word(caplog, monkeypatch):
    for policy in (ReusePolicy(1), ReusePolicy((0, 1))):
        assert policy.max_replicas == 1
    assert len(caplog.records) == 2
    assert "replicas=2 or concurrency=2" in caplog.text
    caplog.clear()
    ReusePolicy(1, concurrency=2)
    ReusePolicy(2)
    monkeypatch.setenv("FLYTENB_WORKER", "w1")
    ReusePolicy(1)
    assert not caplog.records


def test_an_ignored_input_that_a_task_has_not_is_told():
    env = TaskEnvironment("digits", cache=Cache("auto", ignored_inputs="of_other_tasks"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        @env.task
        def of_environment(verbose: bool) -> bool:
            return verbose

    told = re.escape(
        'Cache(ignored_inputs=…) of task digits.fit: it has no parameter "verbos"; did you mean "verbose"?'
    )
    with pytest.warns(UserWarning, match=told) as caught:

        @env.task(cache=Cache("auto", ignored_inputs=("verbos", "c")))
        def fit(c: float, verbose: bool) -> float:
            return c

    assert [each.filename for each in caught] == [__file__]
