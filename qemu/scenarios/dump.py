"""alpha panics; its dump ends in each of the ways a dump can end."""

from qemu.harness import scenario

from .pair import Pair, require


@scenario("panic_dump_completes", timeout=180)
def panic_dump_completes(lab):
    """Service is taken while the dump runs; the dump completes, is claimed, recovered, saved."""
    pair = Pair(lab)
    pair.ready()
    panic = pair.alpha.panic()
    pair.wait_event(pair.alpha, "dump-started", 30)
    pair.wait_event(pair.beta, "service-taken", 30)
    pair.wait_event(pair.alpha, "dump-completed", 90)
    pair.wait_event(pair.beta, "dump-saved", 60)
    require(pair.agent.wait(30) == 0, "the agent did not end well")
    events = {event.name: event.time - panic.time for event in reversed(pair.events())}
    lab.measure("panic_to_capture", events["capture-started"], "s")
    lab.measure("panic_to_dump_started", events["dump-started"], "s")
    lab.measure("panic_to_service_taken", events["service-taken"], "s")
    lab.measure("panic_to_dump_completed", events["dump-completed"], "s")
    require(
        events["service-taken"] < events["dump-completed"], "service waited for the dump to complete"
    )
    for name in pair.names("service"):
        label = pair.label_of(pair.beta, name)
        require(label["owner_node"] == 2, f"{name} is not beta's: {label}")
    saved = [pair.header(pair.beta, name) for name in pair.names("dump")]
    require(saved[0]["attribute"] == "SAVED", f"the dump disk is {saved[0]}")
    pair.prove_core(pair.core_folder(pair.beta))
