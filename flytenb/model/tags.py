"""Layout of every message: `(tag, field, …)`. A frame is a list of messages.

Bytes fields named `payload`, `inputs`, `outputs` are encoded user values (codec) that the engine passes on unopened;
fields named `body` are msgpack maps of a struct in this room or of plain data.
"""

from __future__ import annotations

#: Grows with every change of layout; both sides refuse another number by name.
PROTOCOL = 4

# ---- from workers and clients to the engine -------------------------------------------------------------------
#: (HELLO, protocol, version, role "worker"|"client"|"local", ident, pid, token)
HELLO = 1
#: (DECLARE, digest, body)  body = TaskDeclaration; once per link, before the first use of the digest.
DECLARE = 2
#: (SUBMIT, parent, call, digest, key, n, inputs, cache_key, cache_mode, group)
#: A child call. `call` is unique within the parent's attempt; (key, n) is what makes it the same child next time.
#: cache_key b"" = not cached; cache_mode: see CACHE_*.
SUBMIT = 3
#: (FINISHED, action, attempt, ok, payload, active_s)  payload = outputs, or a Failure when not ok.
FINISHED = 4
#: (LOG, action, attempt, stream "stdout"|"stderr"|"log", time, text)
LOG = 5
#: (TRACE, action, attempt, key, n, name, started_at, duration_s, ok, inputs, outputs)
TRACE = 6
#: (FORGET, parent, call)  the parent no longer waits for this child: abort it.
FORGET = 7
#: (RUN, request, run_name, digest, key, inputs, cache_key, cache_mode, body, secrets)  body = RunOptions map (see
#: below); secrets = [(key, group, value)] from the submitter's own environment, which the engine keeps in memory only.
#: Answered by REPLY after the commit; idempotent by run_name + key. ENDED follows when the run ends.
RUN = 8
#: (QUERY, request, method, body)  answered by REPLY.
QUERY = 9
#: (WATCH, request, run_name, is_on)  REPLY, then CHANGED (coalesced, at most four a second) and ENDED.
WATCH = 10
#: (REPORT, action, attempt, digest)  hex digest in the object store of the action's whole report page.
REPORT = 11
#: (RETURNED, actions)  answer to RECALL: those which had not begun and will not.
RETURNED = 12
#: (STARTED, action, attempt, time)  sent only for an action that did not begin at once or runs longer than 50 ms.
STARTED = 13
#: (OFFER, run_name, secrets)  values again, for an engine that was started anew; secrets as in RUN.
OFFER = 14
#: (PROGRESS, action, attempt, done, total, text, elapsed_s)  how far a body is; total 0 = not known; `elapsed_s`
#: since it began to count. At most four a second for an action; nothing is written to disk.
PROGRESS = 15
#: (HIT, parent, digest, key, n, inputs, outputs, cache_key, saved_s, group)
#: A child call whose result the worker itself found in the cache and has given to the parent: to be recorded.
HIT = 16
#: (RESUME, facts, held)  after the greeting of a worker whose engine went away: what KEEP said, and what is still here,
#: held = [(action, attempt, state, elapsed_s)] with the states HELD_*. Answered by ADOPT; nothing else is sent before.
RESUME = 17
#: (PONG,)  answer to PING.
PONG = 18

# ---- from the engine to workers and clients -------------------------------------------------------------------
#: (WELCOME, protocol, version, pid)
WELCOME = 20
#: (REFUSE, reason)  then the engine closes the link.
REFUSE = 21
#: (DEFINE, task, body)  body = TaskDeclaration; once per link before the first EXECUTE with this task number.
DEFINE = 22
#: (RUN_INFO, run, body)  body = RunInfo map (see below); once per link and run before its first EXECUTE.
RUN_INFO = 23
#: (EXECUTE, action, attempt, task, inputs)
EXECUTE = 24
#: (RESOLVE, parent, call, phase, payload, child)  a child ended; payload = outputs or Failure; phase = integer code.
RESOLVE = 25
#: (CANCEL, action, attempt, reason)
CANCEL = 26
#: (SHUTDOWN, reason)
SHUTDOWN = 27
#: (REPLY, request, ok, body)  body = msgpack of the answer, or a map {code, message} when not ok.
REPLY = 28
#: (CHANGED, run_name, body)  body = msgpack list of ActionRow maps that changed since the last one, and the RunRow:
#: {"run": RunRow, "actions": [ActionRow], "version": n, "taken_at": t}
CHANGED = 29
#: (ENDED, run_name, phase, payload)  payload = the root's outputs or Failure.
ENDED = 30
#: (REPLAY, action, rows)  rows = [(key, n, ok, outputs)] traces of earlier attempts; before the EXECUTE.
REPLAY = 31
#: (RECALL, count)  give back up to this many actions that have not begun, last first.
RECALL = 32
#: (SECRETS, is_container, secrets)  before the first EXECUTE that needs them; secrets = [(key, variable, mount, value)]
SECRETS = 33
#: (PREPARE, task)  load the code of a task that was defined; an action of it may follow.
PREPARE = 34
#: (KEEP, facts)  opaque: what the engine must know of this worker to go on with it after a restart.
KEEP = 35
#: (ADOPT, kept)  answer to RESUME: kept = [(action, logged_until)], the time of the action's last line in the store.
#: What is not named is to be dropped without a word; of the rest what was not acknowledged is sent again.
ADOPT = 36
#: (ACK, frames)  so many frames of this connection, counted from its first, are on disk: they need not be kept.
ACK = 37
#: (PING,)  from an engine that has not heard from a busy worker for long.
PING = 38

#: What a worker that comes back holds: not begun, begun, ended (its result was not acknowledged).
HELD_QUEUED, HELD_BEGUN, HELD_ENDED = 0, 1, 2

#: How a call uses the cache: neither read nor write, read and write, always run and write.
CACHE_OFF, CACHE_AUTO, CACHE_OVERRIDE = 0, 1, 2

# RunOptions map, all optional: {"origin": {...}, "env_vars": {str: str}, "custom_context": {str: str},
#   "overwrite_cache": bool, "disable_cache": bool, "mode": "remote"|"local", "labels": {str: str}, "notes": [str],
#   "run_start_time": float, "pin": str (ident of the only worker that may run it, for mode local)}
# RunInfo map: {"name": run name, "custom_context": {...}, "overwrite_cache": bool, "disable_cache": bool,
#   "run_start_time": float, "mode": str, "raw_data_path": str}
