import os
import sys
import unittest

_ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(_ROOT, "tests", "mutations"))

import dependents  # noqa: E402
import faults  # noqa: E402

LIST = """# A remark.

first_fault: agent/a.cc
  It breaks
  two lines.
  - if (held) {
  + if (true) {

second_fault: agent/a.cc
  It drops a call.
  - check();
  - go();
  +
  + go();
  = nobody can tell
"""


class TheList(unittest.TestCase):
    def test_is_read(self):
        first, second = faults.parse(LIST, "here")
        self.assertEqual(first.name, "first_fault")
        self.assertEqual(first.file, "agent/a.cc")
        self.assertEqual(first.says, ["It breaks", "two lines."])
        self.assertEqual((first.old, first.new), (["if (held) {"], ["if (true) {"]))
        self.assertEqual(second.new, ["", "go();"])
        self.assertEqual(second.equivalent, ["nobody can tell"])

    def test_that_makes_no_sense_is_refused(self):
        for text in ["  - lines without a name\n", "a: b.cc\n  - no sentence\n  + x\n",
                     "a: b.cc\n  Says.\n  - one\n  + two\n  + three\n", "a: b.cc\n  Says.\n"]:
            with self.assertRaises(faults.Wrong):
                faults.parse(text, "here")


class Applying(unittest.TestCase):
    def setUp(self):
        self.first, self.second = faults.parse(LIST, "here")

    def test_changes_one_place(self):
        text = "  if (held) {\n    check();\n    go();\n  }\n"
        self.assertEqual(faults.apply(self.first, text), text.replace("held", "true"))
        self.assertEqual(faults.apply(self.second, text), text.replace("check();", ""))

    def test_wants_the_line_there_exactly_once(self):
        for text in ["if (holds) {\n", "if (held) {\nif (held) {\n"]:
            with self.assertRaises(faults.Wrong):
                faults.apply(self.first, text)

    def test_wants_parts_on_lines_that_follow_each_other(self):
        with self.assertRaises(faults.Wrong):
            faults.apply(self.second, "check();\n\ngo();\n")


NINJA = """build agent/CMakeFiles/agent.dir/a.cc.o: CXX_COMPILER__agent /s/agent/a.cc | pch || order
  FLAGS = -Werror -O2
build agent/libagent.a: CXX_STATIC_LIBRARY_LINKER__agent agent/CMakeFiles/agent.dir/a.cc.o
build bin/a_test: CXX_EXECUTABLE_LINKER__a_test tests/agent/CMakeFiles/a_test.dir/a_test.cc.o $
  | agent/libagent.a || agent/libother.a
build bin/command_test: CXX_EXECUTABLE_LINKER__c tests/cli/CMakeFiles/c.dir/c.cc.o || bin/program
build bin/program: CXX_EXECUTABLE_LINKER__p main.cc.o | agent/libagent.a
build bin/other_test: CXX_EXECUTABLE_LINKER__o other.cc.o || agent/libagent.a
"""
DEPS = """tests/agent/CMakeFiles/a_test.dir/a_test.cc.o: #deps 2, deps mtime 1 (VALID)
    /s/tests/agent/a_test.cc
    /s/agent/a.h

"""


class EveryMutation(unittest.TestCase):
    def test_has_a_name_of_its_own_and_a_sentence(self):
        mutations = faults.load_list(_ROOT)
        self.assertGreater(len(mutations), 80)


class Dependents(unittest.TestCase):
    def setUp(self):
        self.graph = dependents.Graph(NINJA, DEPS, "/s")

    def programs(self, file):
        return {made for made in self.graph.dependents(file) if made.startswith("bin/")}

    def test_are_found_through_objects_libraries_and_programs_that_tests_run(self):
        self.assertEqual(self.programs("agent/a.cc"),
                         {"bin/a_test", "bin/program", "bin/command_test"})

    def test_are_found_through_headers(self):
        self.assertEqual(self.programs("agent/a.h"), {"bin/a_test"})

    def test_nearest_come_first(self):
        near = dependents.distance("tests/agent", "bin/a_test", "agent/a.cc")
        room = dependents.distance("tests/agent", "bin/b_test", "agent/a.cc")
        far = dependents.distance("tests/cli", "bin/c_test", "agent/a.cc")
        self.assertLess(near, room)
        self.assertLess(room, far)


if __name__ == "__main__":
    unittest.main()
