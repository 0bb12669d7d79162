"""`python tools/soak.py [--kills N] [--seed N]`: kill -9 at random beside real work, and an oracle that compares.

Engine, workers, the process that starts them, clients and (with --image) containers are killed; the next engine is
started by whoever needs it. At the end everything must have come to its end within `SETTLE_S`, and the oracle, a
process of its own that knows nothing of the engine, compares what was seen with the store.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flytenb.wire import alive  # noqa: E402

#: Seconds that all runs have for ending after the last kill.
SETTLE_S = 180.0
CLIENTS = 2
#: Who is killed, and how often.
VICTIMS = {"engine": 25, "worker": 45, "zygote": 10, "client": 20}


class Soak:
    """One home, its clients, and who kills them."""

    def __init__(self, kills: int, seed: int, between_s: float, image: str = "") -> None:
        self.image = image
        self.victims = {**VICTIMS, "container": 30} if image else VICTIMS
        self.folder = Path(tempfile.mkdtemp(prefix="flytenb-soak-"))
        self.home = self.folder / "home"
        self.kills, self.between_s = kills, between_s
        self.random = random.Random(seed)
        self.killed: Counter[str] = Counter()
        self.clients: list[subprocess.Popen[bytes]] = []
        self.next_client = 0
        self.env = {
            **os.environ,
            "FLYTENB_HOME": str(self.home),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "FLYTENB_CPUS": "2",
        }
        self.restarts = 0

    def begin(self) -> None:
        """Start the clients."""
        text = (ROOT / "tests" / "soak" / "work.py").read_text()
        (self.folder / "work.py").write_text(text.replace('IMAGE = ""', f'IMAGE = "{self.image}"'))
        for _ in range(CLIENTS):
            self._client()

    def _client(self) -> None:
        self.next_client += 1
        with open(self.folder / "clients.log", "ab") as log:
            command = [sys.executable, str(self.folder / "work.py"), str(self.folder), str(self.next_client)]
            self.clients.append(subprocess.Popen(command, env=self.env, stdout=log, stderr=log, cwd=self.folder))

    # ---- who is there -----------------------------------------------------------------------------------------------
    def engine(self) -> int:
        """The engine's process, 0 when there is none."""
        try:
            pid = int(json.loads((self.home / "engine.json").read_text())["pid"])
        except (OSError, ValueError):
            return 0
        return pid if alive.born(pid) and b"flytenb.engine" in _command(pid) else 0

    def workers(self) -> list[int]:
        return list(alive.living(self.home).values()) if self.home.exists() else []

    def zygotes(self) -> list[int]:
        """Parents of workers that are no init."""
        found = {_parent(pid) for pid in self.workers()}
        return [pid for pid in found if pid > 1 and pid != self.engine() and b"flytenb" in _command(pid)]

    def containers(self) -> list[str]:
        """Those of this home that run."""
        from flytenb.containers.labels import HOME, home_id

        return self._docker("ps", "-q", "--filter", f"label={HOME}={home_id(self.home)}").stdout.split()

    def _docker(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["docker", *words], env=self.env, capture_output=True, text=True)

    # ---- killing ----------------------------------------------------------------------------------------------------
    def kill_one(self) -> bool:
        """kill -9 to somebody; False when there was nobody of the kind that was chosen."""
        kind = self.random.choices(list(self.victims), list(self.victims.values()))[0]
        if kind == "client":
            victim = self.random.choice(self.clients)
            victim.kill()
            victim.wait()
            self.clients.remove(victim)
            self._client()
        elif kind == "container":
            names = self.containers()
            if not names or self._docker("kill", self.random.choice(names)).returncode:
                return False
        else:
            pids = {"engine": lambda: [self.engine()], "worker": self.workers, "zygote": self.zygotes}[kind]()
            pids = [pid for pid in pids if pid]
            if not pids:
                return False
            try:
                os.kill(self.random.choice(pids), signal.SIGKILL)
            except ProcessLookupError:
                return False
        self.killed[kind] += 1
        return True

    def run(self) -> dict[str, object]:
        """Everything; returns what the oracle says."""
        begun = time.monotonic()
        self.begin()
        told = 0
        while sum(self.killed.values()) < self.kills:
            time.sleep(self.random.expovariate(1 / self.between_s))
            self.kill_one()
            for client in [client for client in self.clients if client.poll() is not None]:
                self.clients.remove(client)  # what it could not reach is the engine's fault: the oracle finds out
                self.restarts += 1
                self._client()
            if sum(self.killed.values()) // 50 > told:
                told = sum(self.killed.values()) // 50
                print(f"{sum(self.killed.values())} kills after {time.monotonic() - begun:.0f} s", flush=True)
        (self.folder / "stop").touch()
        settled_s = self._settle()
        oracle = [sys.executable, str(ROOT / "tests" / "soak" / "oracle.py"), str(self.home), str(self.folder)]
        said = json.loads(subprocess.run(oracle, capture_output=True, check=True, text=True).stdout)
        doctor = self._cli("doctor", "--store")
        if doctor.returncode:
            said["broken"].append(f"doctor --store: {doctor.stdout[-500:]}{doctor.stderr[-500:]}")
        return {
            "kills": dict(self.killed),
            "clients that ended with an error": self.restarts,
            "seconds": round(time.monotonic() - begun),
            "seconds until all had ended": round(settled_s, 1),
            **said,
        }

    def _settle(self) -> float:
        """Until no run is open; an engine is started if there is none."""
        begun = time.monotonic()
        while time.monotonic() - begun < SETTLE_S:
            if all(client.poll() is not None for client in self.clients):
                runs = self._cli("get", "run", "-o", "json")
                if runs.returncode == 0 and not self._open_runs():
                    break
            time.sleep(0.5)
        return time.monotonic() - begun

    def _open_runs(self) -> int:
        import sqlite3

        store = sqlite3.connect(f"file:{self.home / 'store.db'}?mode=ro", uri=True, timeout=10)
        try:
            return int(store.execute("SELECT count(*) FROM run WHERE ended_at IS NULL").fetchone()[0])
        finally:
            store.close()

    def _cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flytenb", *words], env=self.env, capture_output=True, text=True, timeout=120
        )

    def end(self) -> None:
        """Leave no process behind."""
        for client in self.clients:
            client.kill()
            client.wait()
        self._cli("engine", "stop", "--force")


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--between", type=float, default=0.5, help="mean seconds between kills")
    parser.add_argument("--image", default="", help="kill containers of this image too; needs Docker")
    parser.add_argument("--keep", action="store_true", help="leave the home for a look")
    words = parser.parse_args()
    soak = Soak(words.kills, words.seed, words.between, words.image)
    print(f"seed {words.seed}, {soak.folder}", flush=True)
    try:
        said = soak.run()
    finally:
        soak.end()
    print(json.dumps(said, indent=1))
    if not said["broken"] and not words.keep:
        shutil.rmtree(soak.folder, ignore_errors=True)
    return bool(said["broken"])


if __name__ == "__main__":
    sys.exit(main())
