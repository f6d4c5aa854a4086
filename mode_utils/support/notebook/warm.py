"""Warm kernels: each is forked from a server that has imported what its notebook imports, used once and thrown away.

What a server imports must not start threads or hold devices: a fork would break them. A module can tell by `IN_SERVER`
in its environment, and put off such work until it is forked (`os.register_at_fork`).
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from functools import partialmethod
from importlib import import_module

from jupyter_client.provisioning import LocalProvisioner

IN_SERVER = "NOTEBOOK_FORK_SERVER"
_LAUNCHER = "ipykernel_launcher"
_servers: dict[tuple, "Server"] = {}
_lock = threading.Lock()


def can_fork() -> bool:
    """Tell whether kernels can be forked here: elsewhere than on Linux, system libraries do not survive it."""
    return sys.platform == "linux"


class Server:
    """A process that has imported those modules that it can, and forks kernels on request."""

    def __init__(self, modules: tuple[str, ...], environment: dict[str, str]):
        ours, its = socket.socketpair()
        command = [sys.executable, "-m", __name__, str(its.fileno()), *modules]
        # its own session: Ctrl-C, which reaches the whole terminal, is for the driver
        options = {"pass_fds": [its.fileno()], "stdin": subprocess.DEVNULL, "start_new_session": True}
        self._process = subprocess.Popen(command, env=environment | {IN_SERVER: "1"}, **options)
        its.close()
        self._stream, self._lock = ours.makefile("rw", encoding="utf-8"), threading.Lock()

    def ask(self, **request) -> dict:
        """Send a request and return the answer; raise an OSError if the server is gone."""
        with self._lock:
            self._stream.write(json.dumps(request) + "\n")
            self._stream.flush()
            answer = self._stream.readline()
        if not answer:
            raise ConnectionError(f"the server of warm kernels has ended, with status {self._process.wait()}")
        return json.loads(answer)


class WarmKernel:
    """A forked kernel, described as `subprocess.Popen` describes a process."""

    stdin = stdout = stderr = None

    def __init__(self, server: Server, request: dict):
        self._server, self.pid, self.returncode = server, server.ask(start=request)["pid"], None

    def poll(self) -> int | None:
        """Return the exit status, or minus the signal that ended it; None while it runs."""
        if self.returncode is None:
            try:
                self.returncode = self._server.ask(poll=self.pid)["status"]
            except OSError:
                self.returncode = -signal.SIGKILL  # a kernel ends with its server
        return self.returncode

    wait = poll

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel, if it runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    kill = partialmethod(send_signal, signal.SIGKILL)
    terminate = partialmethod(send_signal, signal.SIGTERM)


class WarmProvisioner(LocalProvisioner):
    """Provides a kernel by forking it from this process's server for the modules that `IN_SERVER` names."""

    async def launch_kernel(self, cmd: list[str], **kwargs) -> dict:
        """Fork the kernel that a command would start, or start it as usual if it is not one of this Python."""
        environment = dict(kwargs["env"])
        modules = tuple(environment.pop(IN_SERVER).split())
        if cmd[0] != sys.executable or _LAUNCHER not in cmd:
            return await super().launch_kernel(cmd, **kwargs | {"env": environment})
        request = {"argv": cmd[cmd.index(_LAUNCHER) :], "environment": environment, "log": kwargs["stdout"].name}
        self.process = _fork(modules, environment, request | {"cwd": str(kwargs.get("cwd") or os.getcwd())})
        self.pid = self.pgid = self.process.pid
        return self.connection_info


def _fork(modules: tuple[str, ...], environment: dict[str, str], request: dict) -> WarmKernel:
    settled = {name: value for name, value in environment.items() if name.endswith("_THREADS") or name == "PYTHONPATH"}
    key = (modules, tuple(sorted(settled.items())))
    with _lock:
        with suppress(KeyError, OSError):
            return WarmKernel(_servers[key], request)
        _servers[key] = Server(modules, environment)
        return WarmKernel(_servers[key], request)


def serve(stream, modules: list[str]) -> dict | None:
    """Import some modules and answer requests, one a line, until none comes; in a forked kernel, return its request."""
    for module in modules:
        with suppress(Exception):
            import_module(module)
    for line in stream:
        request = json.loads(line)
        if "poll" in request:
            pid, status = os.waitpid(request["poll"], os.WNOHANG)
            answer = {"status": os.waitstatus_to_exitcode(status) if pid else None}
        elif (answer := {"pid": _fork_in_session()})["pid"] == 0:
            return request["start"]
        stream.write(json.dumps(answer) + "\n")
        stream.flush()
    return None


def _fork_in_session() -> int:
    """Fork, and return when the child leads a session of its own, so that a signal to its group does not reach us."""
    ready, its_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.close(ready)
        os.close(its_end)  # which ends the read of the parent
        return 0
    os.close(its_end)
    os.read(ready, 1)
    os.close(ready)
    return pid


def become_kernel(request: dict) -> None:
    """Turn this forked process into the kernel that a request describes."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    with open(request["log"], "ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = request["argv"]
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance(parent_handle=os.getppid())  # so that it ends when the server does


def main(arguments: list[str]) -> None:
    """Serve on a socket that was handed down, until the worker is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(arguments[0])) as connection, connection.makefile("rw", encoding="utf-8") as stream:
        request = serve(stream, ["ipykernel.kernelapp", *arguments[1:]])
    if request:
        become_kernel(request)


if __name__ == "__main__":
    main(sys.argv[1:])
