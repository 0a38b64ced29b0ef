import unittest

from qemu.harness import ScenarioFailed
from qemu.scenarios.pair import Event, Pair


class Told(Pair):
    """A pair of which nothing but its events is known."""

    def __init__(self, *events):
        self._events = [Event(at, node, name, "", disk, why) for at, node, name, disk, why in events]

    def events(self):
        return self._events


STARTED = (10.0, "alpha", "dump-started", "one", "libaio")


class DumpCutShort(unittest.TestCase):
    def test_disk_of_a_dump_that_ended_or_died_may_be_taken(self):
        for why in (
            "the dump on it has ended",
            "no progress for the stall time",
            "the deadline has passed",
            "held already",
        ):
            taken = (11.0, "beta", "take-started", "one", f"{why}; its header read COMPLETED")
            Told(STARTED, taken).require_no_dump_cut_short()

    def test_disk_of_a_running_dump_may_not(self):
        for why in ("it is not armed any more", "no dump has shown for as long as one may take"):
            taken = (11.0, "beta", "take-started", "one", f"{why}; its header read ARMED")
            with self.assertRaises(ScenarioFailed):
                Told(STARTED, taken).require_no_dump_cut_short()

    def test_disk_whose_dump_has_ended_may_be_taken_in_a_later_life(self):
        why = "no dump has shown for as long as one may take; its header read ARMED"
        ended = (10.5, "alpha", "dump-completed", "one", "")
        taken = (11.0, "beta", "take-started", "one", why)
        Told(STARTED, ended, taken).require_no_dump_cut_short()
        again = (10.7, "alpha", "dump-started", "one", "libaio")
        with self.assertRaises(ScenarioFailed):
            Told(STARTED, ended, again, taken).require_no_dump_cut_short()

    def test_other_disks_and_takes_before_the_dump_do_not_matter(self):
        why = "no dump of this crash is on it or on its way"
        earlier = (9.0, "beta", "take-started", "one", why)
        other = (11.0, "beta", "take-started", "two", why)
        Told(earlier, STARTED, other).require_no_dump_cut_short()


if __name__ == "__main__":
    unittest.main()
