"""Runs slices alone: reads a pickled list of (name, body, entry, blobs), writes name → repr of `entry(3)`."""

import asyncio
import inspect
import pickle
import sys
import traceback

from flytenb.capture.load import load_program


class Objects(dict):
    def get(self, digest):
        return self[digest]


def main():
    out = {}
    for name, body, entry, blobs in pickle.load(sys.stdin.buffer):
        try:
            target = load_program(body, Objects(blobs)).get(entry)
            made = target(3)
            out[name] = repr(asyncio.run(made) if inspect.iscoroutine(made) else made)
        except BaseException:
            out[name] = traceback.format_exc()
    sys.stdout.buffer.write(pickle.dumps(out))


main()
