"""What local modules do while they are imported, and which of it puts a key in doubt."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flytenb.capture.importing import _examined
from tests.unit.capture.kernel import Kernel

DOUBTFUL = {
    "os.environ['A']": "reads the environment",
    "HOME = os.environ.get('A', '')": "reads the environment",
    "DEBUG = os.getenv('DEBUG')": "reads by os.getenv()",
    "with open('c.json') as f:\n    C = json.load(f)": "reads by open()",
    "C = Path(__file__).with_name('c').read_text()": "reads by Path.with_name.read_text()",
    "F = pd.read_csv('a.csv')": "reads by pd.read_csv()",
    "T = datetime.now()": "reads by datetime.now()",
    "S = random.random()": "reads by random.random()",
    "N = int(sys.argv[1])": "reads the command line",
    "N = parser.parse_args().n": "reads by parser.parse_args()",
    "W = np.load('w.npy')": "reads by np.load()",
    "np.random.seed(0)": "calls np.random.seed()",
    "load_dotenv()": "reads by load_dotenv()",
    "pd.set_option('a', 1)": "calls pd.set_option()",
    "setup()": "calls setup()",
    "np.float = float": "changes np.float",
    "sys.modules['a'] = None": "changes sys.modules['a']",
    "if X:\n    torch.manual_seed(1)": "calls torch.manual_seed()",
    "try:\n    import a\nexcept ImportError:\n    install()": "calls install()",
    "for n in range(3):\n    register(n)": "calls register()",
}
HARMLESS = [
    "import os, json",
    "LOG = logging.getLogger(__name__)",
    "logging.basicConfig(level=10)",
    "logger.info('loaded')",
    "warnings.filterwarnings('ignore')",
    "sys.path.insert(0, '.')",
    "matplotlib.use('Agg')",
    "MODELS = {}\nMODELS['a'] = 1\nMODELS.update(b=2)",
    "class A:\n    x = 1\nA.y = 2",
    "def read():\n    return open('a').read()",
    "key = lambda: os.environ['A']",
    "__all__ = ['a']\n__all__ += ['b']",
    "if __name__ == '__main__':\n    main()",
    "if TYPE_CHECKING:\n    import a",
    "env = flyte.TaskEnvironment(name='a')\nflyte.init()",
    "K = np.array([1, 2])",
    "'''A docstring: open('a').'''",
    "P = re.compile('a')\nP.match('b')",
]


@pytest.mark.parametrize("text", DOUBTFUL)
def test_doubtful(text: str) -> None:
    doubts, *_ = _examined(text)
    assert DOUBTFUL[text] in [what for _, what in doubts]


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless(text: str) -> None:
    assert _examined(text)[0] == ()


def test_a_key_names_module_and_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "doubted_far.py").write_text("import os\n\nLEVEL = os.environ.get('LEVEL')\n")
    (tmp_path / "doubted_near.py").write_text("import doubted_far\ndef f(x): return x\n")
    (tmp_path / "sound_module.py").write_text("def g(x): return x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with Kernel() as kernel:
        kernel.run("import doubted_near\nfrom sound_module import g")
        kernel.run("@env.task\ndef t(x: int):\n    return doubted_near.f(x)")
        assert kernel.key().doubts == ("module doubted_far, line 3: reads the environment while it is imported",)
        kernel.run("@env.task\ndef t(x: int):\n    return g(x)")
        assert kernel.key().doubts == ()
    for name in ("doubted_far", "doubted_near", "sound_module"):
        monkeypatch.delitem(sys.modules, name)
