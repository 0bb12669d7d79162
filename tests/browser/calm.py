"""Executes a program that cannot listen for changes of the network: `python calm.py PROGRAM WORD …`.

Chromium ends every request that is under way when an interface comes or goes, as those of containers do all the time
(`net::ERR_NETWORK_CHANGED`), also requests to this machine; it has no option against it. Without netlink it does not
notice.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

_SOCKET = {"x86_64": 41, "aarch64": 198}
_AF_NETLINK, _EAFNOSUPPORT = 16, 97
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_LOAD, _EQUALS, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def refuse_netlink() -> None:
    """From now on, `socket(AF_NETLINK, …)` of this process and its children fails; elsewhere than on Linux nothing."""
    number = _SOCKET.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return
    steps = (
        (_LOAD, 0, 0, 0),  # the number of the call
        (_EQUALS, 0, 3, number),
        (_LOAD, 0, 0, 16),  # its first argument
        (_EQUALS, 0, 1, _AF_NETLINK),
        (_RETURN, 0, 0, _ERRNO | _EAFNOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, program, 0, 0)  # where that is refused, all is as it was


if __name__ == "__main__":
    refuse_netlink()
    os.execv(sys.argv[1], sys.argv[1:])
