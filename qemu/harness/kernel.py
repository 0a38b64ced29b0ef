"""The guest kernel: the newest installed cloud kernel of the host and its modules."""

import glob
import os
import re
from dataclasses import dataclass


def _version_key(release):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", release)]


@dataclass(frozen=True)
class Kernel:
    release: str

    @property
    def image(self):
        return f"/boot/vmlinuz-{self.release}"

    @property
    def modules(self):
        return f"/lib/modules/{self.release}"

    def _dependencies(self):
        with open(f"{self.modules}/modules.dep") as file:
            for line in file:
                module, _, needs = line.partition(":")
                yield module, needs.split()

    def _builtin(self):
        with open(f"{self.modules}/modules.builtin") as file:
            return {_module_name(line.strip()) for line in file}

    def closure(self, names):
        """Paths below `modules` of the named modules and all they need, in load order."""
        needs = dict(self._dependencies())
        paths = {_module_name(path): path for path in needs}
        builtin = self._builtin()
        ordered = []

        def visit(path):
            if path in ordered:
                return
            for needed in needs[path]:
                visit(needed)
            ordered.append(path)

        for name in names:
            if name in paths:
                visit(paths[name])
            elif name not in builtin:
                raise FileNotFoundError(f"kernel {self.release} has no module {name}")
        return ordered

    def modules_dep(self, paths):
        """modules.dep cut down to `paths`, which must be a closure."""
        return "".join(
            f"{path}: {' '.join(needs)}".rstrip() + "\n"
            for path, needs in self._dependencies()
            if path in paths
        )


def _module_name(path):
    return os.path.basename(path).split(".ko")[0].replace("-", "_")


def newest():
    releases = [
        path.removeprefix("/boot/vmlinuz-") for path in glob.glob("/boot/vmlinuz-*-cloud-amd64")
    ]
    releases = [release for release in releases if os.path.isdir(f"/lib/modules/{release}")]
    if not releases:
        raise FileNotFoundError("no guest kernel: install linux-image-cloud-amd64")
    return Kernel(max(releases, key=_version_key))
