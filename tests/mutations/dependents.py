"""Which tests depend on a source file, by what ninja knows of a build."""

import collections
import os
import re


def edges(ninja):
    """(outputs, inputs, is a link) of every edge of a build.ninja."""
    for line in ninja.replace("$\n", "").split("\n"):
        if not line.startswith("build "):
            continue
        words = [word.replace("$ ", " ").replace("$:", ":")
                 for word in re.findall(r"(?:\$.|[^ $])+", line[len("build "):])]
        colon = next(i for i, word in enumerate(words) if word.endswith(":") and word != ":")
        outputs = [word for word in words[:colon] + [words[colon][:-1]] if word != "|"]
        rule, rest = words[colon + 1], words[colon + 2:]
        is_link = "EXECUTABLE_LINKER" in rule
        # A program that a test runs is only before it in the order of the build.
        if "||" in rest:
            at = rest.index("||")
            rest = rest[:at] + [word for word in rest[at:] if is_link and word.startswith("bin/")]
        yield outputs, [word for word in rest if word not in ("|", "||")], is_link


def deps(text):
    """(object, headers) of everything in the output of `ninja -t deps`."""
    for block in text.split("\n\n"):
        lines = block.strip("\n").split("\n")
        if ": #deps" in lines[0]:
            yield lines[0].split(": #deps")[0], [line.strip() for line in lines[1:]]


class Graph:
    def __init__(self, ninja, deps_text, source):
        self.uses = collections.defaultdict(set)  # what is made of it
        self.folder = {}  # of a program: the folder of its first own object
        for outputs, inputs, is_link in edges(ninja):
            for one in inputs:
                self.uses[one].update(outputs)
            if is_link and inputs:
                self.folder[outputs[0]] = inputs[0].split("/CMakeFiles/")[0]
        for made, headers in deps(deps_text):
            for header in headers:
                self.uses[header].add(made)
        self.source = source

    def dependents(self, file):
        """Everything that is made, directly or not, of a source file."""
        found, todo = set(), [os.path.join(self.source, file)]
        while todo:
            for made in self.uses[todo.pop()] - found:
                found.add(made)
                todo.append(made)
        return found


def distance(test_folder, program, file):
    """How far a test is from the file that it may be about: nearest first, and names tell more than
    folders."""
    want = ["tests", *os.path.dirname(file).split("/")]
    have = test_folder.split("/")
    common = len(os.path.commonprefix([want, have]))
    words = [os.path.splitext(os.path.basename(path))[0].split("_") for path in (file, program)]
    alike = len(os.path.commonprefix(words))
    return (-alike, len(want) + len(have) - 2 * common, program)
