import contextlib
import io
import os
import tempfile
import unittest
from unittest import mock

from qemu import run
from qemu.harness.registry import Scenario
from qemu.harness.runner import FAILED, LOST, PASSED


class RetryLost(unittest.TestCase):
    def outcome(self, outcomes, *options):
        """Exit status of qemu.run when a scenario ends with these outcomes, run after run."""
        scenario = Scenario("some", lambda lab: None, 1)
        with tempfile.TemporaryDirectory() as build:

            def one_run(*_, **__):
                os.makedirs(os.path.join(build, "vm", "some"), exist_ok=True)
                return left.pop(0)

            left = list(outcomes)
            said = io.StringIO()
            with (
                mock.patch.object(run, "load_all", return_value={"some": scenario}),
                mock.patch.object(run, "run_in_lab", side_effect=one_run),
                mock.patch.object(run, "end_on_signals"),
                contextlib.redirect_stdout(said),
            ):
                status = run.main(["--build", build, *options, "some"])
            self.assertEqual(left, [])
            return status, said.getvalue()

    def test_a_guest_lost_once_is_not_a_failure(self):
        self.assertEqual(self.outcome([LOST, PASSED], "--retry-lost")[0], PASSED)

    def test_a_guest_lost_twice_is_told_and_not_a_success(self):
        status, said = self.outcome([LOST, LOST], "--retry-lost")
        self.assertEqual(status, LOST)
        self.assertIn("NOT TESTED", said)

    def test_a_failure_is_not_tried_again(self):
        self.assertEqual(self.outcome([FAILED], "--retry-lost")[0], FAILED)

    def test_a_lost_guest_is_not_tried_again_unasked(self):
        self.assertEqual(self.outcome([LOST])[0], LOST)


if __name__ == "__main__":
    unittest.main()
