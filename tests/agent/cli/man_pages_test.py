"""man_pages_test.py FOLDER PROGRAM...: every option that --help of a program, or of its commands,
shows is in the man page, and every option of a page's synopsis is in --help."""

import os
import re
import subprocess
import sys

_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# Explained once, in lastword(8), or not worth a word in every page.
_EVERYWHERE = {"--help", "--version", "--config"}


def help_of(*words):
    return subprocess.run([*words, "--help"], capture_output=True, check=True, text=True).stdout


def options_in_help(text):
    """Options are at the beginning of a line; what stands behind them is about them."""
    found = set()
    for line in text.splitlines():
        head = re.match(r"\s+(-\w,\s*)?(--[a-z][a-z, -]*)", line)
        if head:
            found.update(_OPTION.findall(head.group(2)))
    return found


def commands_in_help(text):
    listed = re.search(r"^Subcommands:\n((?:  .*\n)*)", text, re.MULTILINE)
    return re.findall(r"^  ([\w-]+)", listed.group(1), re.MULTILINE) if listed else []


def page(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        text = file.read()
    other = re.match(r"\.so man8/(.*)", text)
    return page(folder, other.group(1)) if other else text


def options_in_page(text):
    return set(_OPTION.findall(re.sub(r"\\f.", "", text).replace(r"\-", "-")))


def synopsis(text):
    return re.search(r"^\.SH SYNOPSIS\n(.*?)^\.SH", text, re.MULTILINE | re.DOTALL).group(1)


def main(folder, *programs):
    problems = []
    shown = {}  # page -> what --help of all that it describes shows
    for program in programs:
        own = help_of(program)
        name = os.path.basename(program)
        shown.setdefault(page(folder, f"{name}.8"), set()).update(options_in_help(own))
        for command in commands_in_help(own):
            text = page(folder, f"{name}-{command}.8")
            help_text = help_of(program, command)
            shown.setdefault(text, set()).update(options_in_help(help_text))
            for inner in commands_in_help(help_text):
                shown[text].update(options_in_help(help_of(program, command, inner)))
                if not re.search(rf"^\.SS {inner}$", text, re.MULTILINE):
                    problems.append(f"{name}-{command}.8: the command {inner} is missing")
        for command in commands_in_help(own):
            if not re.search(rf"\b{command}\b", page(folder, f"{name}.8").replace(r"\-", "-")):
                problems.append(f"{name}.8: the command {command} is missing")
    for text, options in shown.items():
        title = text.split('"')[0].split()[1]
        for option in sorted(options - options_in_page(text) - _EVERYWHERE):
            problems.append(f"{title}: {option} of --help is missing in the man page")
        for option in sorted(options_in_page(synopsis(text)) - options - _EVERYWHERE):
            problems.append(f"{title}: {option} of the man page is not in --help")
    print("\n".join(problems) or f"{len(shown)} pages agree with --help")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
