import contextlib
import importlib.machinery
import importlib.util
import io
import os
import tempfile
import unittest

_ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def load_check_layers():
    """scripts/check-layers as a module: a program's name has no .py."""
    path = os.path.join(_ROOT, "scripts", "check-layers")
    loader = importlib.machinery.SourceFileLoader("check_layers", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


check_layers = load_check_layers()


class Arrows(unittest.TestCase):
    def broken(self, path, included):
        return check_layers.broken_arrow(path, included)

    def test_a_room_includes_itself_and_what_is_below(self):
        self.assertIsNone(self.broken("agent/cli/stop.cc", "agent/cli/command.h"))
        self.assertIsNone(self.broken("agent/cli/stop.cc", "agent/takeover/takeover_run.h"))
        self.assertIsNone(self.broken("agent/disks/survey.cc", "storage/tables/discover.h"))
        self.assertIsNone(self.broken("dumpwriter/main.cc", "dumpwriter/stream/progress.h"))

    def test_not_what_is_above(self):
        self.assertEqual(
            self.broken("agent/disks/survey.cc", "agent/takeover/takeover_run.h"),
            "agent/disks -> agent/takeover",
        )

    def test_the_contract_includes_nothing_else_of_ours(self):
        self.assertTrue(self.broken("proto/keys.cc", "storage/block/io_error.h"))

    def test_protocol_includes_the_contract_only(self):
        self.assertIsNone(self.broken("agent/protocol/seize_plan.h", "proto/disk.pb.h"))
        self.assertTrue(self.broken("agent/protocol/seize_plan.h", "agent/node/config.h"))
        self.assertTrue(self.broken("agent/protocol/seize_plan.h", "agent/base/fan_out.h"))

    def test_nothing_outside_the_dump_writer_includes_it(self):
        self.assertTrue(self.broken("agent/arm/arm_run.cc", "dumpwriter/options.h"))
        self.assertTrue(self.broken("storage/block/record_io.cc", "dumpwriter/base/clock.h"))

    def test_the_dump_writers_rooms_build_on_each_other(self):
        self.assertIsNone(self.broken("dumpwriter/stream/a.cc", "dumpwriter/memory/vmcore.h"))
        self.assertTrue(self.broken("dumpwriter/memory/a.cc", "dumpwriter/stream/progress.h"))
        self.assertTrue(self.broken("dumpwriter/base/a.cc", "dumpwriter/memory/vmcore.h"))

    def test_clones_know_nothing_of_disks_and_takeover(self):
        self.assertIsNone(self.broken("agent/transfer/send_run.cc", "storage/codec/codec_chooser.h"))
        self.assertIsNone(self.broken("agent/cli/clone.cc", "agent/transfer/send_run.h"))
        for room in ("takeover", "disks", "protocol", "recover"):
            self.assertTrue(self.broken("agent/transfer/send_run.cc", f"agent/{room}/a.h"))
        self.assertTrue(self.broken("agent/recover/a.cc", "agent/transfer/send_run.h"))

    def test_storage_is_not_for_every_room(self):
        self.assertTrue(self.broken("agent/arm/arm_run.cc", "storage/block/block_device.h"))
        self.assertIsNone(self.broken("agent/arm/arm_run.cc", "storage/block/file_descriptor.h"))

    def test_a_room_that_is_not_in_the_house_includes_nothing(self):
        self.assertTrue(self.broken("agent/new/a.cc", "agent/takeover/takeover_run.h"))
        self.assertTrue(self.broken("agent/disks/survey.cc", "agent/new/a.h"))


class Trees(unittest.TestCase):
    def run_on(self, files):
        with tempfile.TemporaryDirectory() as root:
            for path, content in files.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(content)
            told = io.StringIO()
            with contextlib.redirect_stdout(told):
                status = check_layers.main(["check-layers", root])
            return status, told.getvalue()

    def test_a_wrong_arrow_is_told_with_its_place(self):
        status, told = self.run_on(
            {
                "proto/keys.h": "#include <string>\n",
                "agent/base/json.cc": '#include <string>\n\n#include "agent/cli/command.h"\n',
            }
        )
        self.assertEqual(status, 1)
        self.assertEqual(
            told,
            "agent/base/json.cc:3: agent/cli/command.h: no arrow agent/base -> agent/cli\n",
        )

    def test_nothing_includes_tests(self):
        status, told = self.run_on({"agent/base/json.cc": '#include "tests/fake/fake_shelf.h"\n'})
        self.assertEqual(status, 1)
        self.assertIn("agent/base -> tests", told)

    def test_tests_may_include_anything(self):
        status, told = self.run_on(
            {"proto/keys.h": "", "tests/a.cc": '#include "dumpwriter/stream/progress.h"\n'}
        )
        self.assertEqual((status, told), (0, "layers: 1 files, no include against an arrow\n"))

    def test_an_include_in_a_comment_is_none(self):
        status, _ = self.run_on({"proto/keys.h": '// #include "agent/cli/command.h"\n'})
        self.assertEqual(status, 0)

    def test_a_tree_without_sources_is_no_success(self):
        self.assertEqual(self.run_on({"README.md": ""})[0], 1)


if __name__ == "__main__":
    unittest.main()
