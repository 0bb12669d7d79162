"""The engine's life from its command line to its end. The only place that chooses clock, store and executor."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sqlite3
import sys
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from flytenb.engine import secrets
from flytenb.engine.cached import stored_result
from flytenb.engine.core import Engine
from flytenb.engine.lifetime import Refused, Starter, new_token, prepare_home, take_lock, workers_secret, write_info
from flytenb.engine.sources import stored_outputs
from flytenb.executors.router import Router
from flytenb.images.docker_build import stop_builds
from flytenb.model.tags import PROTOCOL, SHUTDOWN
from flytenb.model.version import VERSION
from flytenb.rules import Capacity, State
from flytenb.store import Journal, Reader, StoreError, open_store, set_aside
from flytenb.store.sweep import Objects
from flytenb.wire import alive
from flytenb.wire.paths import http_socket_path, info_path, require_own, socket_path, workers_socket_path

_log = logging.getLogger("flytenb.engine")
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
#: Seconds until what nobody waits for at the start (HTTP, the log's turning) begins, if no run has ended before.
QUIET_S = 1.0
#: Connections that may wait for the loop: a full queue is an error for who connects.
BACKLOG = 4096
#: Files that the engine may have open, where the system allows so many.
MOST_FILES = 65_536
#: Seconds without runs and clients after which the engine ends.
IDLE_EXIT_S = 600.0
#: Seconds for what threads still do when all else has ended.
_TIDY_S = 10.0


def main() -> None:
    """Run the engine until it is stopped, idle, or refused."""
    words = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=False))  # argparse would cost a tenth of the start
    if "--home" not in words:
        sys.exit("usage: python -m flytenb.engine --home DIR [--ready-fd N]")
    home = Path(words["--home"])
    starter = Starter(int(words["--ready-fd"]) if "--ready-fd" in words else None)
    os.umask(0o077)  # all that the engine writes is the user's alone
    os.environ["FLYTENB_HOME"] = str(home)  # for the workers
    logging.basicConfig(level=os.environ.get("FLYTENB_LOG_LEVEL", "WARNING").upper(), format=_LOG_FORMAT)
    try:
        prepare_home(home)
        lock = take_lock(home)
        if lock is None:
            _wait_for_other(home, starter)
            return
        asyncio.run(_serve_to_the_end(home, starter))
    except (Refused, StoreError) as error:
        starter.say(f"error: {error}")
        _log.error("%s", error)
        sys.exit(1)
    except OSError as error:
        starter.say(f"error: the engine cannot start in {home}: {_trouble_words(error)}")
        raise


def _trouble_words(error: OSError) -> str:
    cure = {
        errno.ENOSPC: "free some space, or name another folder with FLYTENB_HOME",
        errno.EDQUOT: "free some of your quota, or name another folder with FLYTENB_HOME",
        errno.EROFS: "it can only be read; name another folder with FLYTENB_HOME",
    }.get(error.errno or 0)
    return f"{error}; {cure}" if cure else str(error)


def _open_many_files() -> None:
    """As many as the system allows: a socket each for clients and workers."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, MOST_FILES) if hard >= 0 else MOST_FILES, hard))
    _log.debug("%d files could be open, now %d", soft, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _on_loop_trouble(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio has to say, in a sentence where the cause is known."""
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        _log.error(
            "no more files can be open in the engine (%s): new clients and workers wait until others have gone; raise "
            "the limit (ulimit -n) where the engine is started, then run 'flytenb engine restart'",
            error.strerror,
        )
        return
    loop.default_exception_handler(context)


def _wait_for_other(home: Path, starter: Starter) -> None:
    """Another engine has the home: answer for it when its socket takes connections."""
    import time

    path = socket_path(home)
    for _ in range(200):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(path))
            starter.say("ready")
            return
        time.sleep(0.025)  # the other process gives no event to wait on
    starter.say(f"error: another engine holds {home} but does not answer; see engine.log there")


def _keep_log_small(home: Path) -> None:
    """From the starter's file as it is to one that is turned over."""
    from logging.handlers import RotatingFileHandler

    handler = RotatingFileHandler(home / "engine.log", maxBytes=2 << 20, backupCount=2)
    handler.setFormatter(logging.Formatter(_LOG_FORMAT))
    logging.getLogger().handlers[:] = [handler]


def _capacity() -> Capacity:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cpus = float(os.environ.get("FLYTENB_CPUS", usable))
    return Capacity(cpus, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


async def _serve_to_the_end(home: Path, starter: Starter) -> None:
    """Serve, then leave at once: Python would wait for threads that ask a container engine which does not answer."""
    await _serve(home, starter)
    loop = asyncio.get_running_loop()
    # Threads that still tidy up, as those of builds that were given up; they have a bounded time.
    await asyncio.wait({loop.create_task(loop.shutdown_default_executor())}, timeout=_TIDY_S)
    logging.shutdown()
    os._exit(0)


async def _serve(home: Path, starter: Starter) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_on_loop_trouble)
    _open_many_files()
    token = new_token(home)
    path, http_path = socket_path(home), http_socket_path(home)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.parent != home:
        require_own(path.parent)
    living = {**alive.living(home), **dict.fromkeys(alive.contained(home), 0)}
    engine, connection = _recovered(home / "store.db", token, living)
    engine.workers_secret = workers_secret(home, is_kept=bool(living))
    engine.home, engine.socket, engine.http_socket = home, path, http_path
    secrets.connect(engine.state, home)
    engine.executor = executor = Router(str(path), engine.workers_secret, engine)
    await executor.start()
    engine.journal = Journal(connection, loop.call_soon_threadsafe, engine.release, engine.on_trouble)
    engine.journal.start()
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    if 0 in living.values():
        await engine.listen_for_workers(workers_socket_path(home))  # for those that live in containers
    server = await loop.create_unix_server(engine.new_link, str(path), backlog=BACKLOG)
    path.chmod(0o600)
    facts = {"pid": os.getpid(), "version": VERSION, "protocol": PROTOCOL, "socket": str(path), "home": str(home)}
    write_info(home, **facts)
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, engine.is_stopping.set)
    starter.say("ready")
    house = loop.create_task(engine.keep_house())
    http = loop.create_task(_begin_the_rest(engine, facts))
    await engine.is_stopping.wait()
    house.cancel()
    http.cancel()
    server.close()
    engine.close_doors()
    for link in list(engine.links):
        link.send((SHUTDOWN, "the engine was stopped"))
        link.close()
    await executor.stop()
    await stop_builds()
    secrets.forget(home)
    await asyncio.to_thread(engine.journal.close)
    engine.reader.close()
    for left in (path, http_path, info_path(home)):
        with contextlib.suppress(FileNotFoundError):
            left.unlink()


def _recovered(store: Path, token: str, living: dict[str, int]) -> tuple[Engine, sqlite3.Connection]:
    """An engine with the runs of the store that had not ended, and the store's writing connection.

    A store that opens and then cannot be read is kept aside, like one that does not open.
    """
    idle_exit_s = float(os.environ.get("FLYTENB_IDLE_EXIT_S", IDLE_EXIT_S))
    connection, note = open_store(store)
    while True:
        reader = Reader(store)
        objects = Objects(store.parent / "objects")
        state = State(_capacity(), partial(stored_result, reader, objects))
        state.find_outputs = partial(stored_outputs, reader, objects)
        engine = Engine(state, reader, token, idle_exit_s=idle_exit_s, note=note)
        try:
            engine.recover(living)
        except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
            reader.close()
            connection.close()
            if note or isinstance(error, sqlite3.OperationalError):
                raise
            note = set_aside(store)
            connection, _ = open_store(store)
        else:
            if note:
                _log.warning("%s", note)
            return engine, connection


async def _begin_the_rest(engine: Engine, facts: dict[str, object]) -> None:
    """After the first run has ended: the libraries of the HTTP API cost more than all the rest of the start."""
    with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
        await asyncio.wait_for(engine.has_ended_a_run.wait(), QUIET_S)
    _keep_log_small(engine.home)
    from flytenb.engine.http import serve

    await serve(engine, facts)
