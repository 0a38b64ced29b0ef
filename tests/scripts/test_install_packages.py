"""What scripts/install-packages asks apt for, with a dpkg-query and an apt-get of our own."""

import os
import stat
import subprocess
import tempfile
import unittest

_SCRIPT = os.path.join(os.path.dirname(__file__), "../../scripts/install-packages")

_STUBS = {
    # Installed is everything but what the file "missing" names.
    "dpkg-query": 'for last; do :; done\ngrep -qx "$last" "$STUBS/missing" || echo "install ok installed"',
    "apt-get": 'echo "$@" >> "$STUBS/asked"',
    "id": "echo 0",
}


class InstallPackages(unittest.TestCase):
    def asked(self, *missing):
        """The command lines that apt-get got where these packages are missing."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in _STUBS.items():
                path = os.path.join(folder, name)
                with open(path, "w", encoding="ascii") as stub:
                    stub.write(f"#!/bin/sh\n{text}\n")
                os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
            with open(os.path.join(folder, "missing"), "w", encoding="ascii") as file:
                file.write("\n".join(missing))
            environment = {**os.environ, "STUBS": folder, "PATH": f"{folder}:{os.environ['PATH']}"}
            subprocess.run([_SCRIPT, "vm"], env=environment, check=True, stdout=subprocess.DEVNULL)
            log = os.path.join(folder, "asked")
            if not os.path.exists(log):
                return ""
            with open(log, encoding="ascii") as file:
                return file.read()

    def test_nothing_missing_asks_for_nothing(self):
        self.assertEqual("", self.asked())

    def test_one_of_two_alternatives_is_enough(self):
        self.assertEqual("", self.asked("gdb-minimal"))
        self.assertEqual("", self.asked("gdb"))
        self.assertIn(" gdb-minimal\n", self.asked("gdb", "gdb-minimal"))

    def test_nothing_is_removed_for_what_is_installed(self):
        self.assertIn("--no-remove", self.asked("fio"))
        self.assertIn(" fio\n", self.asked("fio"))


if __name__ == "__main__":
    unittest.main()
