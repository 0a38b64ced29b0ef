import json
import threading

from .errors import GuestLost


class Qmp:
    """QEMU's monitor on a connected socket. Events are read past."""

    def __init__(self, sock):
        self._socket = sock
        self._file = sock.makefile("rw", encoding="utf-8")
        self._lock = threading.Lock()
        self._socket.settimeout(20)
        self._receive()  # the greeting
        self.execute("qmp_capabilities")

    def _receive(self):
        try:
            line = self._file.readline()
        except OSError as error:
            raise GuestLost(f"QEMU's monitor does not answer: {error}") from error
        if not line:
            raise GuestLost("QEMU has closed its monitor")
        return json.loads(line)

    def execute(self, command, **arguments):
        with self._lock:
            try:
                json.dump({"execute": command, "arguments": arguments}, self._file)
                self._file.flush()
            except OSError as error:
                raise GuestLost(f"QEMU's monitor is gone: {error}") from error
            while True:
                answer = self._receive()
                if "return" in answer:
                    return answer["return"]
                if "error" in answer:
                    raise RuntimeError(f"QMP {command}: {answer['error']['desc']}")

    def close(self):
        self._file.close()
        self._socket.close()
