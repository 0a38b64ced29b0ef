import re
import os
import unittest

from qemu.harness import records

_PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "disk-format.md")


def documented_label():
    with open(_PAGE) as file:
        text = re.search(r"```hex label\n(.*?)```", file.read(), re.DOTALL)[1]
    return bytes.fromhex(text.replace("\n", " "))


class Records(unittest.TestCase):
    def test_the_documented_label_is_read_and_written(self):
        label = documented_label()
        kind, sequence, payload = records.parse(label.ljust(records.BLOCK_BYTES, b"\0"))
        self.assertEqual((kind, sequence, len(payload)), (1, 5, 99))
        self.assertEqual(records.compose(kind, sequence, payload), label.ljust(4096, b"\0"))

    def test_a_torn_record_is_none(self):
        torn = documented_label()[:-5].ljust(records.BLOCK_BYTES, b"\0")
        self.assertIsNone(records.parse(torn))

    def test_numbers_are_changed_and_the_rest_is_kept(self):
        payload = records.parse(documented_label().ljust(4096, b"\0"))[2]
        changed = records.with_numbers(payload, {3: 1, 7: 300})
        self.assertEqual(records.number_in(changed, 7), 300)
        self.assertEqual(records.number_in(changed, 6), records.number_in(payload, 6))
        self.assertEqual(records.number_in(changed, 99), 0)


if __name__ == "__main__":
    unittest.main()
