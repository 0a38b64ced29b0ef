import unittest
import xml.etree.ElementTree as xml

from qemu import timeline
from qemu.tests import sample


def kinds(bar):
    return [span.kind for span in bar.spans]


def bar_of(report, disk):
    return next(bar for bar in timeline.bars(report) if bar.disk == disk)


class Bars(unittest.TestCase):
    def test_a_service_disk_changes_hands_once(self):
        bar = bar_of(sample.report(), "service3")
        self.assertEqual(kinds(bar), ["victim", "partner"])
        self.assertAlmostEqual(bar.spans[0].end, 2.649)

    def test_the_dump_disk_is_written_kept_claimed_read(self):
        bar = bar_of(sample.report(), "dump0")
        self.assertEqual(kinds(bar), ["victim", "writing", "victim", "reading", "partner"])
        self.assertEqual([span.begin for span in bar.spans[1:]], [2.41, 6.83, 7.01, 11.4])

    def test_spans_leave_no_gap(self):
        for bar in timeline.bars(sample.report()):
            for before, after in zip(bar.spans, bar.spans[1:]):
                self.assertEqual(before.end, after.begin)

    def test_a_dump_that_never_ends_is_written_until_it_is_claimed(self):
        report = sample.report()
        report["events"] = [e for e in report["events"] if e["event"] != "dump-completed"]
        self.assertEqual(
            kinds(bar_of(report, "dump0")), ["victim", "writing", "reading", "partner"]
        )

    def test_what_the_victim_says_after_the_claim_changes_nothing(self):
        report = sample.report()
        before = bar_of(report, "dump0")
        for late in ("dump-completed", "dump-started"):
            report["events"].append(dict(t=7.5, node="alpha", event=late, disk="dump0"))
            self.assertEqual(bar_of(report, "dump0"), before)

    def test_a_disk_that_is_given_back_is_the_victims_again(self):
        report = sample.report()
        report["events"].append(dict(t=30.0, node="alpha", event="disk-returned", disk="service3"))
        self.assertEqual(kinds(bar_of(report, "service3")), ["victim", "partner", "victim"])

    def test_the_client_comes_first_and_sees_nobody_for_a_while(self):
        report = sample.report()
        bar = timeline.bars(report)[0]
        self.assertEqual((bar.disk, kinds(bar)), ("client", ["victim", "nobody", "partner"]))
        self.assertEqual((bar.spans[0].begin, bar.spans[-1].end), timeline.time_range(report))

    def test_a_report_without_client_has_no_bar_of_it(self):
        report = sample.report()
        del report["client"]
        self.assertTrue(timeline.bars(report)[0].disk.startswith("service"))
        self.assertNotIn("no answer", timeline.text(report))

    def test_roles_come_in_order_and_numbers_count(self):
        disks = [bar.disk for bar in timeline.bars(sample.report(service=12))]
        self.assertEqual(disks[10:], ["service9", "service10", "service11", "spare0", "spare1", "dump0"])


class Story(unittest.TestCase):
    def test_disks_taken_in_a_row_are_one_entry(self):
        taken = [entry for entry in timeline.story(sample.report()) if entry[3] == "disk-taken"]
        self.assertEqual([len(entry[4]) for entry in taken], [8, 2])

    def test_events_come_in_the_order_of_time(self):
        report = sample.report()
        report["events"].reverse()
        times = [entry[0] for entry in timeline.story(report)]
        self.assertEqual(times, sorted(times))


class Ticks(unittest.TestCase):
    def test_are_round_and_few_enough(self):
        self.assertEqual(timeline.ticks(-0.4, 11.7, 8), [0, 2, 4, 6, 8, 10])
        self.assertEqual(timeline.ticks(-0.1, 0.45, 6), [-0.1, 0, 0.1, 0.2, 0.3, 0.4])


class Text(unittest.TestCase):
    def test_no_line_is_wider_than_asked_for(self):
        for width in (60, 100, 160):
            lines = timeline.text(sample.report(), width).split("\n")
            bars = [line for line in lines if "█" in line and "service" in line]
            self.assertEqual(len(bars), 8)
            self.assertLessEqual(max(map(len, bars)), width)

    def test_a_moment_of_a_wait_still_shows(self):
        line = next(l for l in timeline.text(sample.report()).split("\n") if l.startswith("  dump0"))
        self.assertRegex(line, "░+▓+░▒+█+$")

    def test_a_plain_terminal_gets_plain_letters(self):
        self.assertTrue(timeline.text(sample.report(), unicode=False).isascii())


class Picture(unittest.TestCase):
    def test_is_a_picture_with_a_bar_for_each_disk(self):
        root = xml.fromstring(timeline.svg(sample.report()))
        space = "{http://www.w3.org/2000/svg}"
        words = [element.text for element in root.iter(space + "text")]
        for disk in [f"service{i}" for i in range(8)] + ["spare0", "spare1", "dump0"]:
            self.assertIn(disk, words)
        self.assertIn("service-taken 2.70 s", words)
        # One bar being written, and its colour in the legend.
        writing = [e for e in root.iter(space + "rect") if e.get("class") == "writing"]
        self.assertEqual(len(writing), 2)

    def test_names_from_elsewhere_cannot_break_it(self):
        report = sample.report()
        report["events"][-1]["disk"] = "<&\">"
        xml.fromstring(timeline.svg(report))

    def test_nothing_lies_outside(self):
        root = xml.fromstring(timeline.svg(sample.report()))
        width = float(root.get("width"))
        for element in root.iter("{http://www.w3.org/2000/svg}rect"):
            self.assertLessEqual(float(element.get("x")) + float(element.get("width")), width)


class Labels(unittest.TestCase):
    def test_no_label_overlaps_another_or_is_crossed_by_a_line(self):
        marks = [(0, 100), (50, 100), (105, 60), (112, 10), (300, 40)]
        levels = timeline._label_levels(marks)
        for i, (x, _) in enumerate(marks):
            for (other, width), level in list(zip(marks, levels))[:i]:
                if level >= levels[i]:  # the line of mark i passes this label's row
                    self.assertTrue(x >= other + width, (marks[i], other))
        self.assertEqual(levels[-1], 0)


if __name__ == "__main__":
    unittest.main()
