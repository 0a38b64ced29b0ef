"""The lists of faults that scripts/try-mutations tries; its head says how they are written."""

import collections
import glob
import os
import re

Mutation = collections.namedtuple("Mutation", "name file says old new equivalent")


class Wrong(Exception):
    """The list or the build is wrong: not a verdict on the tests."""


def parse(text, where):
    """The mutations of one list."""
    mutations = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        head = re.fullmatch(r"(\w+): (\S+)", line)
        if head:
            mutations.append(Mutation(head[1], head[2], [], [], [], []))
            continue
        body = re.fullmatch(r"  ([-+=])(?: (.*))?|  (\S.*)", line)
        if not body or not mutations:
            raise Wrong(f"{where}:{number}: neither 'name: file' nor a line of a mutation")
        kind, rest = (body[1], body[2] or "") if body[1] else (None, body[3])
        into = {"-": "old", "+": "new", "=": "equivalent", None: "says"}[kind]
        getattr(mutations[-1], into).append(rest.strip())
    for mutation in mutations:
        if not mutation.says or not mutation.old or len(mutation.old) != len(mutation.new):
            raise Wrong(f"{where}: {mutation.name}: wants a sentence, and as many + as -")
    return mutations


def load_list(root):
    mutations = []
    for path in sorted(glob.glob(os.path.join(root, "tests/mutations/*.txt"))):
        with open(path, encoding="utf-8") as file:
            mutations += parse(file.read(), os.path.relpath(path, root))
    names = collections.Counter(mutation.name for mutation in mutations)
    if twice := [name for name, count in names.items() if count > 1]:
        raise Wrong(f"two mutations with one name: {', '.join(twice)}")
    return mutations


def apply(mutation, text):
    """`text` with the fault in it."""
    lines = text.split("\n")
    fits = lambda part, line: part in line if part else not line.strip()
    places = [at for at in range(len(lines) - len(mutation.old) + 1)
              if all(fits(part, lines[at + i]) for i, part in enumerate(mutation.old))]
    if len(places) != 1:
        raise Wrong(f"{mutation.name}: found {len(places)} times in {mutation.file}, not once")
    for i, (old, new) in enumerate(zip(mutation.old, mutation.new)):
        if old:
            lines[places[0] + i] = lines[places[0] + i].replace(old, new, 1)
    return "\n".join(lines)
