"""examples/nbd/lastword-nbd with a real nbdkit, and files for disks."""

import os
import shutil
import socket
import subprocess
import tempfile
import unittest

from qemu.harness.runner import ROOT
from qemu.harness.shelf import free_port

HOOK = os.path.join(ROOT, "examples", "nbd", "lastword-nbd")


@unittest.skipUnless(shutil.which("nbdkit"), "nbdkit is not installed: scripts/install-packages vm")
class NbdHook(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lw-nbd-")
        self.ports = {"orders": free_port(), "archive": free_port()}
        self.disks = {name: os.path.join(self.folder, f"{name}.img") for name in self.ports}
        for path in self.disks.values():
            with open(path, "wb") as file:
                file.truncate(1 << 20)
        self.exports(*(f"{name} {port} alpha {self.disks[name]}" for name, port in self.ports.items()))

    def tearDown(self):
        self.hook("fenced")
        shutil.rmtree(self.folder)

    def exports(self, *lines):
        with open(os.path.join(self.folder, "exports"), "w") as file:
            file.write("".join(f"{line}\n" for line in ("# NAME PORT HOME DEVICE", "", *lines)))

    def call(self, *arguments, node="alpha", **lastword):
        environment = {
            **os.environ,
            "LASTWORD_NBD_EXPORTS": os.path.join(self.folder, "exports"),
            "LASTWORD_NBD_RUN": os.path.join(self.folder, "run"),
            "LASTWORD_NBD_ADDRESS": "127.0.0.1",
            "LASTWORD_NBD_NODE": node,
            "LASTWORD_NBD_PATIENCE": "1",
            **{f"LASTWORD_{name}": value for name, value in lastword.items()},
        }
        return subprocess.run([HOOK, *arguments], env=environment, capture_output=True, text=True, timeout=60)

    def hook(self, event, *names, status=0, **more):
        disks = " ".join(self.disks[name] for name in names)
        done = self.call(EVENT=event, DISKS=disks, **more)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr

    def process(self, name):
        """Id of the server, '' without one."""
        return self.processes()[name]

    def processes(self):
        status = [line.partition(": ") for line in self.call("status").stdout.splitlines()]
        return {name: told.partition("process ")[2] for name, _, told in status}

    def served(self):
        return {name for name, process in self.processes().items() if process}

    def answers(self, name):
        try:
            with socket.create_connection(("127.0.0.1", self.ports[name]), 2) as connection:
                connection.settimeout(2)
                return connection.recv(8) == b"NBDMAGIC"
        except OSError:
            return False

    def state_of(self, name):
        with open(f"/proc/{self.process(name)}/stat") as file:
            return file.read().rpartition(") ")[2][0]

    def test_start_serves_what_is_at_home_here(self):
        self.exports(
            f"orders {self.ports['orders']} alpha {self.disks['orders']}",
            f"archive {self.ports['archive']} beta {self.disks['archive']}",
        )
        self.assertEqual(self.call("start").returncode, 0)
        self.assertEqual(self.served(), {"orders"})
        self.assertTrue(self.answers("orders"))

    def test_second_start_leaves_the_server_alone(self):
        self.call("start")
        before = self.process("orders")
        self.assertEqual(self.call("start").stderr, "")
        self.assertEqual(self.process("orders"), before)

    def test_taken_disk_is_served_and_a_later_one_too(self):
        self.hook("service-taken", "orders", MISSING_DISKS=self.disks["archive"])
        self.assertEqual(self.served(), {"orders"})
        first = self.process("orders")
        self.hook("service-taken", "orders", "archive")
        self.assertEqual(self.served(), {"orders", "archive"})
        self.assertEqual(self.process("orders"), first)

    def test_stale_disk_is_not_served(self):
        said = self.hook("service-taken", "orders", "archive", status=1, STALE=self.disks["orders"])
        self.assertIn("orders: not served", said)
        self.assertEqual(self.served(), {"archive"})

    def test_device_that_is_not_there_is_an_error_unless_a_disk_is_missing(self):
        os.unlink(self.disks["archive"])
        self.assertIn("there is no", self.hook("service-taken", "orders", status=1))
        self.hook("service-taken", "orders", MISSING_DISKS="/dev/sdq")
        self.assertEqual(self.served(), {"orders"})

    def test_disks_that_go_back_are_ended_and_no_others(self):
        self.call("start")
        self.hook("service-returning", "orders")
        self.assertEqual(self.served(), {"archive"})
        self.hook("service-returning", "orders")
        self.hook("service-leaving", "archive")
        self.assertEqual(self.served(), set())

    def test_client_that_hangs_on_holds_up_nothing(self):
        self.call("start")
        with socket.create_connection(("127.0.0.1", self.ports["orders"])) as connection:
            connection.recv(8)
            self.hook("service-leaving", "orders", "archive")
            self.assertEqual(self.served(), set())

    def test_server_whose_end_was_interrupted_is_replaced(self):
        self.call("start")
        before = self.process("orders")
        with open(os.path.join(self.folder, "run", "orders.ending"), "w"):
            pass
        self.hook("service-returned", "orders", "archive")
        self.assertNotIn(self.process("orders"), ("", before))
        self.assertTrue(self.answers("orders"))

    def test_server_of_another_device_is_replaced(self):
        self.call("start")
        before = self.process("orders")
        self.disks["orders"] = os.path.join(self.folder, "other.img")
        shutil.copyfile(self.disks["archive"], self.disks["orders"])
        self.exports(f"orders {self.ports['orders']} alpha {self.disks['orders']}")
        self.hook("service-taken", "orders")
        self.assertNotIn(self.process("orders"), ("", before))

    def test_run_folder_that_was_emptied_hides_no_server(self):
        self.call("start")
        before = self.process("orders")
        shutil.rmtree(os.path.join(self.folder, "run"))
        self.assertEqual(self.call("start").returncode, 0)
        self.assertEqual(self.process("orders"), before)

    def test_fenced_ends_all_at_once(self):
        self.call("start")
        self.hook("fenced")
        self.assertEqual(self.served(), set())

    def test_announced_takeover_suspends_and_is_called_off(self):
        self.call("start")
        self.hook("takeover-announced")
        self.assertEqual(self.state_of("orders"), "T")
        self.hook("takeover-called-off")
        self.assertTrue(self.answers("orders"))

    def test_suspended_server_goes_on_at_start_and_ends_at_stop(self):
        self.call("start")
        self.hook("takeover-announced")
        self.call("start")
        self.assertTrue(self.answers("orders"))
        self.hook("takeover-announced")
        self.assertEqual(self.call("stop").returncode, 0)
        self.assertEqual(self.served(), set())

    def test_port_in_use_is_an_error_and_the_others_are_served(self):
        with socket.create_server(("127.0.0.1", self.ports["orders"])):
            said = self.hook("service-taken", "orders", "archive", status=1)
        self.assertIn("orders: nbdkit cannot serve", said)
        self.assertEqual(self.served(), {"archive"})

    def test_event_that_it_does_not_know_is_none_of_its_business(self):
        self.hook("dump-saved")

    def test_mistake_in_the_file_is_named_and_changes_nothing(self):
        good = f"archive {self.ports['archive']} alpha {self.disks['archive']}"
        for bad, why in {
            "or/ders 10809 alpha /dev/x": "no name",
            "orders 10809 alpha": "write NAME PORT HOME DEVICE",
            "orders 10809 alpha /dev/x more": "write NAME PORT HOME DEVICE",
            "orders nbd alpha /dev/x": "no port",
            "orders 0 alpha /dev/x": "no port",
            "orders 65536 alpha /dev/x": "no port",
            "orders 10809 alpha sdb2": "no path",
            "archive 10809 alpha /dev/x": "a second export 'archive'",
            f"orders {self.ports['archive']} alpha /dev/x": "a second export at port",
        }.items():
            with self.subTest(bad):
                self.exports(good, bad)
                done = self.call("start")
                self.assertEqual(done.returncode, 1)
                self.assertIn("exports:4: ", done.stderr)
                self.assertIn(why, done.stderr)
        self.exports(good)
        self.assertEqual(self.process("archive"), "")

    def test_no_file_of_exports_says_what_to_do(self):
        os.unlink(os.path.join(self.folder, "exports"))
        self.assertIn("adapt it", self.call("start").stderr)
        # For tearDown and for whoever learns too late.
        self.hook("fenced")

    def test_unknown_command_is_usage(self):
        self.assertEqual(self.call("restart").returncode, 2)


if __name__ == "__main__":
    unittest.main()
