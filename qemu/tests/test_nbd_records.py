import unittest

from qemu.nbd import records

RUN = bytes(range(16))


def lines(*told):
    return [f"{line}\n" for line in told]


def log(promised, sent=None, acknowledged=None):
    """Records 0 to promised - 1 are safe, acknowledged - 1 the last one that was answered."""
    log = records.Log(sent=promised if sent is None else sent)
    answered = log.sent if acknowledged is None else acknowledged
    log.acknowledged = [(0.1 * number, number, "alpha") for number in range(answered)]
    log.flushed = [(1.0, promised)]
    return log


def disk(count, slots=16):
    empty = bytes(records.SIZE)
    return [records.make(RUN, number) for number in range(count)] + [empty] * (slots - count)


def torn(new, old):
    """What is on the disk when the first half of a write has landed."""
    return new[: records.SIZE // 2] + old[records.SIZE // 2 :]


class Verify(unittest.TestCase):
    def wrong(self, slots, seen):
        return "; ".join(records.verify(RUN, slots, seen))

    def test_all_there_is_well(self):
        self.assertEqual(self.wrong(disk(9), log(9)), "")

    def test_lost_record_is_found(self):
        slots = disk(9)
        slots[4] = bytes(records.SIZE)
        self.assertEqual(
            self.wrong(slots, log(9)), "record 4 is lost: it was acknowledged and flushed"
        )

    def test_last_flushed_record_is_promised_too(self):
        self.assertIn("record 8 is lost", self.wrong(disk(8), log(9)))

    def test_doubled_record_is_found(self):
        slots = disk(9)
        slots[12] = slots[3]
        self.assertEqual(self.wrong(slots, log(9)), "record 3 is there 2 times: slots [3, 12]")

    def test_record_in_the_place_of_another_is_found(self):
        slots = disk(9)
        slots[3], slots[4] = slots[4], slots[3]
        self.assertIn("record 3 is in slot 4", self.wrong(slots, log(9)))

    def test_torn_record_is_found(self):
        slots = disk(9)
        slots[5] = torn(slots[5], slots[6])
        self.assertIn("slot 5 is torn", self.wrong(slots, log(9)))

    def test_record_that_only_begins_is_torn(self):
        slots = disk(9)
        slots[5] = torn(slots[5], bytes(records.SIZE))
        self.assertIn("slot 5 is torn", self.wrong(slots, log(9)))

    def test_one_flipped_bit_is_torn(self):
        slots = disk(9)
        slots[5] = slots[5][:1000] + bytes([slots[5][1000] ^ 1]) + slots[5][1001:]
        self.assertIn("slot 5 is torn", self.wrong(slots, log(9)))

    def test_record_of_an_earlier_run_is_no_record(self):
        slots = disk(9)
        slots[5] = records.make(b"x" * 16, 5)
        self.assertIn("slot 5 is torn", self.wrong(slots, log(9)))

    def test_what_was_sent_and_not_answered_may_be_there_missing_or_torn(self):
        seen = log(4, sent=9, acknowledged=4)
        for slots in (disk(4), disk(6), disk(9)):
            self.assertEqual(self.wrong(slots, seen), "")
        slots = disk(9)
        slots[6] = torn(slots[6], bytes(records.SIZE))
        self.assertEqual(self.wrong(slots, seen), "")

    def test_answered_record_may_be_missing_before_the_flush_and_not_torn(self):
        seen = log(4, sent=9, acknowledged=7)
        self.assertEqual(self.wrong(disk(4), seen), "")
        slots = disk(9)
        slots[6] = torn(slots[6], bytes(records.SIZE))
        self.assertIn("slot 6 is torn", self.wrong(slots, seen))

    def test_record_that_was_never_sent_is_found(self):
        self.assertIn("record 9 is there, and was never sent", self.wrong(disk(10), log(9)))

    def test_foreign_content_behind_the_records_is_found(self):
        slots = disk(9)
        slots[15] = b"\1" * records.SIZE
        self.assertIn("slot 15", self.wrong(slots, log(9)))

    def test_disk_that_ends_early_is_found(self):
        self.assertIn("the disk has 9 slots", self.wrong(disk(9, slots=9), log(9, sent=12)))


class ParseLog(unittest.TestCase):
    TOLD = lines(
        "connected 10.0 alpha",
        "sent 10.1 8",
        "acknowledged 10.2 0 alpha",
        "flushed 10.3 1",
        "connected 15.0 beta",
        "sent 15.0 9",
        "sent 15.1 8",
        "acknowledged 15.2 1 beta",
        "flushed 15.3 9",
    )

    def test_all_is_read_and_times_are_of_the_other_clock(self):
        log = records.parse_log(self.TOLD, lambda time: time - 10)
        self.assertEqual((log.sent, log.promised()), (9, 9))
        self.assertEqual([node for _, node in log.connections], ["alpha", "beta"])
        self.assertEqual(log.acknowledged[0], (10.2 - 10, 0, "alpha"))

    def test_line_that_is_being_written_is_not_read(self):
        log = records.parse_log([*self.TOLD, "flushed 16.0 1"])
        self.assertEqual(log.promised(), 9)

    def test_unknown_line_is_an_error(self):
        with self.assertRaises(ValueError):
            records.parse_log(lines("gone 1.0"))


class LongestGap(unittest.TestCase):
    def setUp(self):
        self.log = records.Log()
        self.log.acknowledged = [(time, 0, "alpha") for time in (1.0, 1.1, 6.0, 6.2, 9.0)]

    def test_gap_that_an_event_lies_in(self):
        gap = records.longest_gap(self.log, 2.0, 2.5)
        self.assertEqual((gap.begin, gap.end), (1.1, 6.0))

    def test_gap_that_begins_before_and_ends_after(self):
        self.assertAlmostEqual(records.longest_gap(self.log, 6.1, 7.0).seconds, 2.8)

    def test_longest_of_several(self):
        self.assertAlmostEqual(records.longest_gap(self.log, 0.0, 10.0).seconds, 4.9)

    def test_what_has_not_ended_is_no_gap(self):
        self.assertIsNone(records.longest_gap(self.log, 9.5, 12.0))

    def test_records_that_are_written_again_end_a_gap_in_any_order(self):
        self.log.acknowledged.append((3.0, 0, "beta"))
        self.assertAlmostEqual(records.longest_gap(self.log, 2.0, 2.5).seconds, 1.9)


class ServiceSpans(unittest.TestCase):
    def spans(self, *acknowledged):
        log = records.Log()
        log.acknowledged = [(time, 0, node) for time, node in acknowledged]
        return records.service_spans(log, 0.5)

    def test_answers_in_a_row_are_one_span(self):
        self.assertEqual(self.spans((1.0, "alpha"), (1.2, "alpha"), (1.4, "alpha")), [(1.0, 1.4, "alpha")])

    def test_nobody_answers_between_two_nodes(self):
        self.assertEqual(
            self.spans((1.0, "alpha"), (1.2, "alpha"), (5.0, "beta"), (5.1, "beta")),
            [(1.0, 1.2, "alpha"), (1.2, 5.0, ""), (5.0, 5.1, "beta")],
        )

    def test_short_wait_is_none(self):
        self.assertEqual(
            self.spans((1.0, "alpha"), (1.2, "beta")), [(1.0, 1.0, "alpha"), (1.0, 1.2, "beta")]
        )

    def test_no_answer_at_all(self):
        self.assertEqual(self.spans(), [])


if __name__ == "__main__":
    unittest.main()
