import contextlib
import io
import os
import tempfile
import unittest
from dataclasses import asdict
from unittest import mock

from qemu import vmcore


class Recipes(unittest.TestCase):
    def test_leave_an_eighth_of_memory_free(self):
        crash_kernel_mib = 128
        for name, recipe in vmcore.RECIPES.items():
            parts = asdict(recipe)
            memory, in_use = parts.pop("memory"), parts.pop("hugetlb")
            self.assertLessEqual(in_use, recipe.hugetlb_pool, name)
            held = sum(parts.values()) - parts["freed"] + crash_kernel_mib
            self.assertGreaterEqual(memory - held, memory / 8, name)
            self.assertGreaterEqual(memory - held, recipe.freed, name)


class CopyFiles(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.source = os.path.join(self.folder, "source")
        os.makedirs(os.path.join(self.source, "below"))

    def _file(self, name, size):
        with open(os.path.join(self.source, name), "wb") as file:
            file.write(bytes(size))

    def _copied(self, mib):
        target = os.path.join(self.folder, "target")
        vmcore._copy_files([self.source], target, mib)
        return sorted(os.stat(os.path.join(target, name)).st_size for name in os.listdir(target))

    def test_takes_no_more_than_it_was_told(self):
        for number in range(5):
            self._file(f"below/{number}", 400 << 10)
        self.assertEqual(self._copied(1), [400 << 10] * 2)

    def test_passes_over_tiny_and_huge_files_and_links(self):
        self._file("tiny", 100)
        self._file("huge", 5 << 20)
        self._file("right", 5000)
        os.symlink("right", os.path.join(self.source, "link"))
        self.assertEqual(self._copied(16), [5000])


class Main(unittest.TestCase):
    def setUp(self):
        self.build = self.enterContext(tempfile.TemporaryDirectory())

    def test_keeps_a_vmcore_that_exists(self):
        path = vmcore.path_of(self.build, "1g")
        os.makedirs(os.path.dirname(path))
        with open(path, "w") as file:
            file.write("taken before")
        with (
            mock.patch.object(vmcore, "run_in_lab") as run,
            mock.patch.object(vmcore, "end_on_signals"),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            self.assertEqual(vmcore.main(["--build", self.build, "1g"]), 0)
        run.assert_not_called()

    def test_unknown_name_is_a_usage_error(self):
        with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as ended:
            vmcore.main(["--build", self.build, "2g"])
        self.assertEqual(ended.exception.code, 2)


if __name__ == "__main__":
    unittest.main()
