import unittest

from qemu import demo
from qemu.nbd import records
from qemu.scenarios.pair import Event
from qemu.tests import sample


def broken(report):
    return [what for what, held in demo.promises(report) if not held]


def moved(report, name, to):
    for event in report["events"]:
        if event["event"] == name:
            event["t"] = to
    return report


class Promises(unittest.TestCase):
    def test_all_hold_in_a_good_run(self):
        self.assertEqual(broken(sample.report()), [])

    def test_service_must_be_back_before_the_dump_is_complete(self):
        self.assertTrue(broken(moved(sample.report(), "dump-completed", 2.5)))

    def test_a_slow_machine_breaks_none(self):
        self.assertEqual(broken(moved(sample.report(), "service-taken", 6.0)), [])

    def test_the_dump_disk_must_be_left_alone_meanwhile(self):
        self.assertTrue(broken(moved(sample.report(), "dump-disk-claimed", 4.0)))

    def test_a_step_that_nobody_saw_is_named(self):
        report = sample.report()
        report["events"] = [e for e in report["events"] if e["event"] != "dump-saved"]
        self.assertIn("dump-saved", broken(report)[0])

    def test_the_way_back_ends_with_all_disks_at_home_and_armed(self):
        for missing in ("home", "armed"):
            report = sample.report()
            report["giveback"][missing] = False
            self.assertIn("alpha has all of its disks again", broken(report)[0])

    def test_a_large_capture_image_is_told(self):
        self.assertTrue(broken({**sample.report(), "capture_image_bytes": (4 << 20) + 1}))


class DelayOfService(unittest.TestCase):
    def told(self, service_taken, **busy):
        return demo.delay_of_service({**moved(sample.report(), "service-taken", service_taken), **busy})

    def test_is_a_figure(self):
        self.assertEqual(
            self.told(2.70), "beta had all 8 service disks 0.29 s after the dump began"
        )

    def test_a_long_one_on_a_busy_machine_says_so(self):
        told = self.told(3.49, busy_before=0.97, busy_meanwhile=1.0)
        self.assertIn("1.08 s after the dump began (usually less than 1 s; this machine was busy", told)
        self.assertIn("97%", told)

    def test_a_long_one_whose_guests_took_all_there_is_says_so(self):
        self.assertIn("this machine is slow", self.told(3.49, busy_before=0.02, busy_meanwhile=0.99))

    def test_a_long_one_on_an_idle_machine_has_no_excuse(self):
        told = self.told(3.49, busy_before=0.02, busy_meanwhile=0.4)
        self.assertTrue(told.endswith("(usually less than 1 s)"))

    def test_a_short_one_needs_no_hint(self):
        self.assertNotIn("busy", self.told(2.70, busy_before=0.97))

    def test_is_not_told_of_a_takeover_that_nobody_saw(self):
        report = sample.report()
        report["events"] = [e for e in report["events"] if e["event"] != "service-taken"]
        self.assertEqual(demo.delay_of_service(report), "")


class Events(unittest.TestCase):
    def test_times_count_from_the_panic_and_earlier_events_are_left_out(self):
        events = [
            Event(9.0, "beta", "watching", "", "", ""),
            Event(12.5, "alpha", "dump-started", "/dev/sda", "some-uuid", ""),
            Event(12.75, "beta", "service-taken", "", "", "8 disks"),
        ]
        told = demo.event_list(events, 10.0, lambda event: "dump0" if event.disk else "")
        self.assertEqual(
            told,
            [
                {"t": 0.0, "node": "alpha", "event": "panic"},
                {"t": 2.5, "node": "alpha", "event": "dump-started", "disk": "dump0"},
                {"t": 2.75, "node": "beta", "event": "service-taken"},
            ],
        )


class FakePair:
    """A shelf of two disks; beta sees them as sda and sdb."""

    class beta:
        @staticmethod
        def check(command):
            return "/dev/disk/by-id/lw-dump0 /dev/sdb\n/dev/disk/by-id/lw-service0 /dev/sda\n"

    def names(self, role):
        return ["dump0"] if role == "dump" else []

    def label_of(self, node, name):
        return {"disk_uuid": f"uuid-of-{name}"}


class DiskNames(unittest.TestCase):
    def name_of(self, node, disk, disk_uuid):
        return demo.DiskNames(FakePair())(Event(0.0, node, "some", disk, disk_uuid, ""))

    def test_beta_is_believed_its_paths(self):
        self.assertEqual(self.name_of("beta", "/dev/sda", "uuid-of-service0"), "service0")

    def test_alpha_is_not(self):
        self.assertEqual(self.name_of("alpha", "/dev/sda", "uuid-of-dump0"), "dump0")

    def test_a_disk_that_nobody_knows_has_no_name(self):
        self.assertEqual(self.name_of("alpha", "/dev/sdz", "some-uuid"), "")

    def test_an_event_of_no_disk_has_no_name(self):
        self.assertEqual(self.name_of("beta", "", ""), "")


class Client(unittest.TestCase):
    def report(self, *times):
        log = records.Log(sent=3, flushed=[(31.0, 3)])
        log.acknowledged = [(time, 0, node) for time, node in times]
        at = {"panic": 0.0, "service-taken": 3.0, "service-returning": 15.0, "service-returned": 17.0}
        return demo.client_report(log, 10.0, at)

    def test_gaps_are_told_apart_and_times_count_from_the_panic(self):
        told = self.report(
            *((9.0, "alpha"), (10.1, "alpha"), (14.0, "beta"), (24.9, "beta"), (25.1, "beta"), (28.0, "alpha"))
        )
        self.assertEqual(told["gap_panic_seconds"], 3.9)
        self.assertEqual(told["records"], 3)
        self.assertEqual(told["gap_giveback_seconds"], 2.9)
        self.assertEqual(told["spans"][-1], (18.0, 18.0, "alpha"))

    def test_gap_that_has_not_ended_is_not_told(self):
        report = {"client": self.report((9.0, "alpha"), (9.5, "alpha"))}
        self.assertEqual(demo.client_gaps(report), [])

    def test_gaps_are_sentences(self):
        self.assertEqual(
            demo.client_gaps(sample.report()),
            [
                "the client had no answer for 3.12 s at the panic",
                "the client had no answer for 2.50 s at the giveback",
            ],
        )


class LastLines(unittest.TestCase):
    def test_reach_back_to_the_panic(self):
        log = "\n".join([f"line {n}" for n in range(50)] + ["Kernel panic"] + ["trace"] * 20)
        self.assertEqual(demo.last_lines(log, 16, 40)[:2], ["line 49", "Kernel panic"])

    def test_are_never_too_many(self):
        log = "\n".join(["Kernel panic"] + ["trace"] * 100)
        self.assertEqual(len(demo.last_lines(log, 16, 40)), 40)

    def test_a_short_log_is_shown_whole(self):
        self.assertEqual(demo.last_lines("a\nb", 16, 40), ["a", "b"])


if __name__ == "__main__":
    unittest.main()
