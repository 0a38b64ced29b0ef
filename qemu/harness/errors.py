class ScenarioFailed(AssertionError):
    """The guests did something other than the scenario demands."""


class WaitTimeout(ScenarioFailed):
    """A line that the scenario waits for did not come."""


class CommandFailed(ScenarioFailed):
    """A command in a guest ended with another status than it should."""


class GuestLost(Exception):
    """The harness has no guest any more: QEMU ended unasked, or never came to ready.

    Says nothing about the code under test, so it must never count as a failed scenario.
    """
