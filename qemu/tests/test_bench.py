import contextlib
import io
import os
import struct
import tempfile
import unittest

from qemu import bench
from qemu.figures import (
    capture, dump, filter, idle, panic, quiet, recover, result, service, simulation, takeover,
)  # fmt: skip


class Results(unittest.TestCase):
    def test_seconds_are_better_when_fewer(self):
        one = result.less_is_better("a", "s", [3, 1, 2], [90, 100, 110], goal=50)
        self.assertEqual((one.ours, one.peer, one.ratio, one.met), (2, 100, 50, True))
        self.assertFalse(result.less_is_better("a", "s", [2.1], [100], goal=50).met)

    def test_rates_are_better_when_higher(self):
        one = result.more_is_better("a", "MB/s", [89, 95], [100], goal=0.9)
        self.assertEqual((one.ratio, one.met), (0.92, True))
        self.assertFalse(result.more_is_better("a", "MB/s", [89], [100], goal=0.9).met)

    def test_json_has_the_agreed_members(self):
        members = result.less_is_better("a", "s", [2.0], [10.0]).as_json()
        self.assertEqual(
            list(members), ["name", "unit", "ours", "peer", "peer_name", "ratio", "goal", "met"]
        )
        self.assertIs(members["met"], True)
        self.assertIsNone(members["goal"])

    def test_table_tells_what_was_missed(self):
        results = [
            result.less_is_better("quick", "s", [0.1], [10.0], goal=50),
            result.less_is_better("large", "bytes", 8 << 20, 4 << 20, goal=1),
        ]
        rows = result.table(results).splitlines()
        self.assertIn("met", rows[2])
        self.assertIn("8.00 MiB", rows[3])
        self.assertIn("**missed**", rows[3])


class Takeover(unittest.TestCase):
    def test_stamped_lines_are_read(self):
        lines = takeover.stamped('0.002 lastword-event {"event":"takeover-started"}\n0.250 exit 0\n')
        self.assertEqual(lines[-1], (0.25, "exit 0"))
        self.assertEqual(takeover._moment(lines, "takeover-started"), 0.002)

    def test_flatness_needs_both_counts(self):
        few, many = ([0.1], [0.05], [2.0]), ([0.15], [0.1], [16.0])
        names = [one.name for one in takeover.results({8: few})]
        self.assertNotIn("takeover_flat", names)
        by_name = {one.name: one for one in takeover.results({8: few, 64: many})}
        self.assertAlmostEqual(by_name["takeover_flat"].ratio, 2 / 3)
        self.assertTrue(by_name["takeover_64"].met)


class Service(unittest.TestCase):
    def test_silence_has_a_median_and_a_worst_case(self):
        rows = service.results_of_silence([3.0, 1.0, 2.0])
        self.assertEqual([one.ours for one in rows], [2.0, 3.0])

    def test_each_way_has_its_gap(self):
        rows = service.results_of_gaps([(1.0, 4.0), (3.0, 5.0), (2.0, 9.0)])
        self.assertEqual([one.ours for one in rows], [2.0, 5.0])


class Simulation(unittest.TestCase):
    def test_rate_is_what_the_program_says(self):
        said = "2000 histories, 0 broken, 3 left to hands; 5 steps, 9 s simulated in 6.0 s: 20000 a minute\n"
        self.assertEqual(simulation.rate(said), 20000)
        self.assertTrue(simulation.results([20000])[0].met)
        with self.assertRaises(ValueError):
            simulation.rate("seed 1: I1: both nodes serve lun 1")


class Capture(unittest.TestCase):
    def test_each_level_has_its_goal(self):
        rows = capture.results({0: ([4.0], [8.0]), 31: ([3.0], [3.0])})
        self.assertEqual([(one.ratio, one.met) for one in rows], [(2, False), (1, True)])


class Idle(unittest.TestCase):
    def test_processor_time_has_its_goal_and_each_survey_a_row(self):
        one = {"percent": 0.4, "messages_per_second": 2.0, "survey_ms": 9.0}
        by_name = {row.name: row for row in idle.results({n: [one] for n in idle.SURVEYS})}
        self.assertTrue(by_name["idle_agent_64"].met)
        self.assertEqual(by_name["idle_agent_messages"].ours, 2.0)
        self.assertEqual(by_name["survey_256"].ours, 9.0)
        busy = dict(one, percent=0.6)
        self.assertFalse(idle.results({n: [busy] for n in idle.SURVEYS})[0].met)


class Recover(unittest.TestCase):
    def test_each_format_has_its_peer(self):
        by_name = {
            one.name: one
            for one in recover.results({"kdump": ([2, 3, 2], [8, 9, 8]), "elf": ([2.0], [1.0])})
        }
        self.assertEqual((by_name["recover_kdump"].ratio, by_name["recover_kdump"].met), (4, True))
        self.assertFalse(by_name["recover_elf"].met)


class Filter(unittest.TestCase):
    def test_the_header_that_counts_tells_the_size(self):
        slots = [
            {"counts": False, "coredump_header": {"durable_bytes": "1"}},
            {"counts": True, "coredump_header": {"durable_bytes": "4096"}},
        ]
        report = {"records": [{"slots": [{"counts": True, "label": {}}]}, {"slots": slots}]}
        self.assertEqual(filter.stream_bytes(report), 4096)

    def test_each_work_has_a_time_and_a_size(self):
        found = {work.name: ([(1.0, 70)] * 3, [(3.0, 100)] * 3) for work in filter.WORKS}
        by_name = {one.name: one for one in filter.results("1g", found)}
        self.assertEqual(len(by_name), 2 * len(filter.WORKS))
        self.assertTrue(by_name["dump_1g_level_0_lz4"].met)
        self.assertFalse(by_name["dump_1g_level_0_zstd"].met)
        self.assertTrue(by_name["dump_1g_level_0_zstd_size"].met)


class Panic(unittest.TestCase):
    def test_the_boot_and_a_third_of_a_second_are_granted(self):
        results = {one.name: one for one in panic.results([(2.0, 2.2, 2.29, 1 << 20, 1 << 24)])}
        self.assertTrue(results["panic_to_service_taken"].met)
        results = {one.name: one for one in panic.results([(2.0, 2.2, 2.31, 5 << 20, 1 << 24)])}
        self.assertFalse(results["panic_to_service_taken"].met)
        self.assertFalse(results["capture_image_bytes"].met)


class Vmcore(unittest.TestCase):
    def test_is_an_elf_core_whose_memory_follows_its_head(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "vmcore")
            dump.write_vmcore(path, 2)
            with open(path, "rb") as file:
                data = file.read()
        self.assertEqual(data[:4], b"\x7fELF")
        machine_and_type = struct.unpack_from("<HH", data, 16)
        self.assertEqual(machine_and_type, (4, 62))  # ET_CORE, EM_X86_64
        load = struct.unpack_from("<IIQQQQQQ", data, 64 + 56)
        self.assertEqual((load[0], load[2], load[5]), (1, 4096, 2 << 20))
        self.assertEqual(len(data), 4096 + (2 << 20))
        self.assertTrue(all(any(data[at : at + 4096]) for at in range(0, len(data), 4096)))


class Quiet(unittest.TestCase):
    def test_waiting_for_a_disk_is_not_work(self):
        before = [100, 0, 100, 1000, 50, 0, 0, 0]
        self.assertEqual(quiet.busy_fraction(before, [100, 0, 100, 1100, 150, 0, 0, 0]), 0)
        self.assertEqual(quiet.busy_fraction(before, [150, 0, 150, 1050, 100, 0, 0, 0]), 0.5)


class CommandLine(unittest.TestCase):
    def test_an_unknown_figure_is_a_mistake_of_usage(self):
        with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as ended:
            bench.main(["takeover_9"])
        self.assertEqual(ended.exception.code, 2)


if __name__ == "__main__":
    unittest.main()
