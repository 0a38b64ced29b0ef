import unittest

from qemu.harness import ScenarioFailed
from qemu.scenarios import classes

_COUNTS = """\
class             frames          zero  image_frames    image_zero
kernel                50             9             8             4
user                  20             1             0             0
hugetlb               10             2             0             0
private                4             0             1             0
cache                 30             5             2             1
free                  40            30             3             2
offline                6             6             0             0
hwpoison               0             0             0             0
all                  160            53            14             7
unclassified                 0
unreadable             0
"""
_REPORT = """\
Original pages  : 0x000000000003a70a
  Excluded pages   : 0x0000000000015b00
    Pages filled with zero  : 0x0000000000000001
    Non-private cache pages : 0x0000000000014b00
    Private cache pages     : 0x0000000000000002
    User process data pages : 0x0000000000000003
    Free pages              : 0x0000000000000004
    Hwpoison pages          : 0x0000000000000005
    Offline pages           : 0x0000000000001000
"""


class Expected(unittest.TestCase):
    def setUp(self):
        self.table, self.alone = classes.parse_counts(_COUNTS)

    def expected(self, level):
        return {name: count for name, count in classes.expected(self.table, level).items() if count}

    def test_numbers_that_stand_alone_are_no_class(self):
        self.assertEqual(self.alone, {"unclassified": 0, "unreadable": 0})

    def test_each_level_leaves_out_its_classes_and_those_of_the_image(self):
        self.assertEqual(self.expected(2), {"cache": 32, "offline": 6})
        self.assertEqual(self.expected(4), {"cache": 32, "private": 5, "offline": 6})
        self.assertEqual(self.expected(8), {"user": 30, "offline": 6})
        self.assertEqual(self.expected(16), {"free": 43, "offline": 6})

    def test_zero_pages_are_those_that_no_class_took(self):
        self.assertEqual(self.expected(1), {"zero": 53})
        self.assertEqual(self.expected(31)["zero"], 9 - 1 - 2)


class Report(unittest.TestCase):
    def test_numbers_are_hexadecimal(self):
        report = classes.parse_report(_REPORT)
        self.assertEqual((report["cache"], report["offline"]), (0x14B00, 4096))

    def test_report_that_lacks_a_line_is_a_failure(self):
        for line in _REPORT.splitlines()[2:]:
            with self.assertRaises(ScenarioFailed):
                classes.parse_report(_REPORT.replace(line + "\n", ""))
        with self.assertRaises(ScenarioFailed):
            classes.parse_report("")


if __name__ == "__main__":
    unittest.main()
