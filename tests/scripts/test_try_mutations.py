import importlib.machinery
import importlib.util
import os
import unittest

_ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def load_try_mutations():
    """scripts/try-mutations as a module: a program's name has no .py."""
    path = os.path.join(_ROOT, "scripts", "try-mutations")
    loader = importlib.machinery.SourceFileLoader("try_mutations", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


tool = load_try_mutations()

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
        first, second = tool.parse(LIST, "here")
        self.assertEqual(first.name, "first_fault")
        self.assertEqual(first.file, "agent/a.cc")
        self.assertEqual(first.says, ["It breaks", "two lines."])
        self.assertEqual((first.old, first.new), (["if (held) {"], ["if (true) {"]))
        self.assertEqual(second.new, ["", "go();"])
        self.assertEqual(second.equivalent, ["nobody can tell"])

    def test_that_makes_no_sense_is_refused(self):
        for text in ["  - lines without a name\n", "a: b.cc\n  - no sentence\n  + x\n",
                     "a: b.cc\n  Says.\n  - one\n  + two\n  + three\n", "a: b.cc\n  Says.\n"]:
            with self.assertRaises(tool.Wrong):
                tool.parse(text, "here")


class Applying(unittest.TestCase):
    def setUp(self):
        self.first, self.second = tool.parse(LIST, "here")

    def test_changes_one_place(self):
        text = "  if (held) {\n    check();\n    go();\n  }\n"
        self.assertEqual(tool.apply(self.first, text), text.replace("held", "true"))
        self.assertEqual(tool.apply(self.second, text), text.replace("check();", ""))

    def test_wants_the_line_there_exactly_once(self):
        for text in ["if (holds) {\n", "if (held) {\nif (held) {\n"]:
            with self.assertRaises(tool.Wrong):
                tool.apply(self.first, text)

    def test_wants_parts_on_lines_that_follow_each_other(self):
        with self.assertRaises(tool.Wrong):
            tool.apply(self.second, "check();\n\ngo();\n")


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


class Dependents(unittest.TestCase):
    def setUp(self):
        self.graph = tool.Graph(NINJA, DEPS, "/s")

    def programs(self, file):
        return {made for made in self.graph.dependents(file) if made.startswith("bin/")}

    def test_are_found_through_objects_libraries_and_programs_that_tests_run(self):
        self.assertEqual(self.programs("agent/a.cc"),
                         {"bin/a_test", "bin/program", "bin/command_test"})

    def test_are_found_through_headers(self):
        self.assertEqual(self.programs("agent/a.h"), {"bin/a_test"})

    def test_nearest_come_first(self):
        near = tool.distance("tests/agent", "bin/a_test", "agent/a.cc")
        room = tool.distance("tests/agent", "bin/b_test", "agent/a.cc")
        far = tool.distance("tests/cli", "bin/c_test", "agent/a.cc")
        self.assertLess(near, room)
        self.assertLess(room, far)


if __name__ == "__main__":
    unittest.main()
