"""alpha and beta with lastword set up as an operator would set it up. No scenario in here."""

import json
import os
import re
import subprocess
from dataclasses import dataclass

from qemu.harness import GuestLost, ScenarioFailed, kdump, lun_table, pattern

CLUSTER = "5e9b4c0a-7f1d-4a36-9d2e-1c8f0b7a6e53"
IDS = {"alpha": 1, "beta": 2}
CLUSTER_KEY = f"{'5a' * 32}\n"
CAPTURE_OPTIONS = "no_timer_check cryptomgr.notests mitigations=off"
LUNS = dict(service=8, spare=2, dump=1, mailbox=1)
FEW = dict(service=2, spare=2, dump=1, mailbox=1)

# lastword's exit statuses (proto/error.h).
EXIT_NO, EXIT_REFUSED, EXIT_PARTIAL = 1, 4, 7
PANIC_MESSAGE = "sysrq triggered crash"  # of node.panic()

# The dump writer's console once 80 MiB are on the disk: of LARGE_PATTERN, part is among them.
PROGRESS = r"lastword-dump: .*\(durable ([89]\d|\d{3,}) MiB\)"
LARGE_PATTERN = 384
# At this speed a dump with LARGE_PATTERN takes most of a minute.
SLOW = 12 << 20

_EVENT = re.compile(r"lastword-event (\{.*\})")
# What `take-started` may say of a disk that a dump was written to (agent/protocol/takeover_plan.cc).
_DUMP_IS_OVER = (
    "the dump on it has ended",
    "no progress for the stall time",
    "the deadline has passed",
    "held already",
)


def configuration(
    node,
    *,
    timing=None,
    dump=None,
    capture=None,
    hooks=None,
    giveback=None,
    paths=None,
    watchdog=None,
    links=0,
):
    """lastword.toml of a node. Short times by default: a scenario waits them out."""
    times = {
        "io_timeout": "3s",
        "dump_limit": "60s",
        "grace": "12s",
        "client_timeout": "120s",
        **(timing or {}),
    }
    lines = [f'cluster = "{CLUSTER}"', f'node = "{node}"']
    for name, number in IDS.items():
        lines += [f"[nodes.{name}]", f"id = {number}", f'core_directory = "/var/crash/{name}"']
    lines += ["[timing]", *(f'{key} = "{value}"' for key, value in times.items())]
    tables = {
        # ELF for vmcore-dmesg, which reads nothing else; scenarios about kdump cores say so. Nothing
        # is excluded: the pattern is memory of a process.
        "dump": {"core_format": "elf", "exclude": "none", **(dump or {})},
        # As the guests themselves are booted; see Guest.
        "capture": {"command_line": CAPTURE_OPTIONS, **(capture or {})},
        "hooks": hooks or {},
        "giveback": giveback or {},
        "paths": paths or {},
        "watchdog": watchdog or {},
    }
    for name, keys in tables.items():
        # A string or a number of TOML is one of JSON.
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    for link in range(links):
        addresses = ", ".join(f'{name} = "{address_of(name, link)}"' for name in IDS)
        lines += ["[[link]]", f'name = "link{link}"', f"address = {{ {addresses} }}"]
    return "\n".join(lines) + "\n"


def address_of(node, link):
    return f"192.168.{70 + link}.{IDS[node]}"


@dataclass(frozen=True)
class Event:
    time: float  # on the lab's clock
    node: str
    name: str
    disk: str  # what that node calls it
    disk_uuid: str
    detail: str


class Pair:
    """A started shelf and two nodes, configured; label(), begin() and arm() do the rest."""

    def __init__(
        self,
        lab,
        *,
        luns=None,
        of_beta=(),
        sizes_mib=None,
        shelf="lio",
        alpha=None,
        beta=None,
        **tables,
    ):
        """`alpha`, `beta`: options of Node. `of_beta`: LUNs whose home is beta; all others are
        alpha's. `tables`: of configuration()."""
        self.lab = lab
        self._of_beta = frozenset(of_beta)
        # A watchdog that no agent has armed yet is a problem.
        self._passes_check = not tables.get("watchdog")
        options = {"alpha": dict(alpha or {}), "beta": dict(beta or {})}
        # Cables from node to node, for `links`.
        self.wires = [lab.wire() for _ in range(tables.get("links", 0))]
        for name in IDS:
            files = {"/etc/lastword/lastword.toml": configuration(name, **tables)}
            if self.wires:
                files["/etc/lastword/cluster.key"] = (CLUSTER_KEY, 0o600)
                options[name]["wires"] = [
                    (wire, f"{address_of(name, link)}/24") for link, wire in enumerate(self.wires)
                ]
            options[name]["files"] = {**files, **options[name].get("files", {})}
        self.shelf, self.alpha, self.beta = lab.cluster(
            lun_table(sizes_mib=sizes_mib, **(luns or LUNS)),
            shelf=shelf,
            **options,
        )
        self.pattern = None
        self.agent = None
        self._connections = self.shelf.connections() if hasattr(self.shelf, "connections") else set()
        lab.on_failure(self.tell_of_lost_reservations)
        for node in (self.alpha, self.beta):
            node.check("mkdir -p /var/crash/alpha /var/crash/beta")

    def names(self, role):
        """LUNs of a role, or of any of several: "spare|dump"."""
        return [name for name in self.shelf.luns if re.match(role, name)]

    def home_of(self, name):
        return "beta" if name in self._of_beta else "alpha"

    def names_of(self, node, role="service|spare|dump"):
        """LUNs of a role whose home that node is."""
        return [name for name in self.names(role) if self.home_of(name) == node]

    # What an operator does, once and after every boot.

    def label(self):
        """All disks are their home's, mailbox disks nobody's."""
        for role in ("service", "spare", "dump", "mailbox"):
            for home, option in (("alpha", ""), ("beta", "--home beta ")):
                disks = " ".join(self.alpha.disk(name) for name in self.names_of(home, role))
                if disks:
                    self.alpha.check(f"lastword label --role {role} {option}{disks}", timeout=120)

    def begin(self):
        for node in (self.alpha, self.beta):
            node.check("lastword start", timeout=120)

    def arm(self):
        self.alpha.check("lastword arm", timeout=180)
        if self._passes_check:
            self.require_armed()
        if self.names_of("beta", "spare|dump"):
            self.beta.check("lastword arm", timeout=180)

    def require_armed(self):
        """`check` on alpha complains of nothing but beta's agent, which may not run yet."""
        said = self.alpha.run("lastword check --json", timeout=60)
        report = json.loads(said.output)
        found = [one for one in report.get("problems", ()) if "does not watch" not in one["what"]]
        require(report["would_dump"] and not found, f"check says: {said.output}")

    def ready(self, *, pattern_mib=64, seed=1, of_kernel=False, agent=True):
        """Everything up to the moment before the panic. `of_kernel`: the pattern is no user memory."""
        self.label()
        self.begin()
        self.arm()
        self.pattern = pattern.plant(self.alpha, pattern_mib, seed, of_kernel, timeout=60)
        if agent:
            self.start_agent()
        self.lab.say("labelled, started, armed")

    def start_agent(self):
        self.agent = self.beta.spawn("lastword agent --once", "agent")
        self.agent.wait_for(r'"event":"watching"', 30)

    def take_over(self):
        """beta takes over now, in the background."""
        return self.beta.spawn("lastword takeover", "takeover")

    # What happened.

    def events(self):
        """Of both nodes, in the order of time."""
        found = []
        for node in (self.alpha, self.beta):
            for line in node.log.lines():
                match = _EVENT.search(line.text) if line.source in ("console", "out") else None
                if match:
                    event = json.loads(match[1])
                    found.append(
                        Event(
                            line.time,
                            event["node"],
                            event["event"],
                            event.get("disk", ""),
                            event.get("disk_uuid", ""),
                            event.get("detail", ""),
                        )
                    )
        return sorted(found, key=lambda event: event.time)

    def wait_event(self, node, name, timeout, since=None):
        found = node.wait_for(rf'lastword-event .*"event":"{name}"', timeout, since)
        return json.loads(_EVENT.search(found.line.text)[1])

    def times_of(self, name, since=0.0):
        """{LUN: time} of an event that tells of a disk."""
        names = self._names_of_disks()
        return {
            names[event.disk_uuid]: event.time
            for event in self.events()
            if event.name == name and event.time >= since
        }

    def _names_of_disks(self):
        """{UUID: LUN}"""
        return {self.label_of(self.beta, lun)["disk_uuid"]: lun for lun in self.shelf.luns}

    def inspect(self, node, name):
        """What `lastword inspect --json` says of a LUN."""
        return json.loads(
            node.check(f"lastword inspect --json {node.disk(name)}", timeout=120)
        )

    def record(self, node, name, record):
        """The payload of the slot that counts of "label" or "coredump_header"; None without one."""
        for entry in self.inspect(node, name)["records"]:
            for slot in entry["slots"]:
                if slot["counts"] and record in slot:
                    return slot[record]
        return None

    def header(self, node, name):
        return self.record(node, name, "coredump_header") or {"attribute": "INACTIVE"}

    def label_of(self, node, name):
        return self.record(node, name, "label")

    def armed(self):
        """The disks alpha has armed, the first candidate first."""
        names = self.names_of("alpha", "spare|dump")
        headers = {name: self.header(self.beta, name) for name in names}
        ranks = {name: h["rank"] for name, h in headers.items() if h["attribute"] == "ARMED"}
        return sorted(ranks, key=ranks.get)

    def require_all_taken(self, names=None):
        """Label and reservation say beta, on every disk that was alpha's."""
        self.require_held("beta", names or self.names("service|spare|dump"), self.beta)
        self.require_no_dump_cut_short()

    def require_held(self, owner, names, seen_by):
        """Label and reservation say that node, and nobody else is registered."""
        for name in names:
            label = self.label_of(seen_by, name)
            require(label["owner_node"] == IDS[owner], f"{name} is not {owner}'s: {label}")
            held = self.inspect(seen_by, name)["reservation"]
            keys = [key["node"] for key in [held["holder"], *held["registrations"]]]
            require(keys == [IDS[owner]] * 2, f"{owner} does not hold {name} alone: {held}")

    def require_all_home(self, seen_by=None):
        for home in IDS:
            names = self.names_of(home)
            self.require_held(home, names, seen_by or self.beta)
            for name in names:
                label = self.label_of(seen_by or self.beta, name)
                require(not label["promised_node"], f"{name} is still promised: {label}")

    def require_no_dump_cut_short(self):
        """beta took no disk with a dump on it before that had ended, stalled or run out of time."""
        running = set()
        for event in self.events():
            if event.name == "dump-started":
                running.add(event.disk_uuid)
            elif event.name in ("dump-completed", "dump-aborted"):
                running.discard(event.disk_uuid)
            elif event.name == "take-started" and event.disk_uuid in running:
                require(event.detail.startswith(_DUMP_IS_OVER), f"a dump was cut short: {event}")

    def tell_of_lost_reservations(self):
        """Who holds the disks of dumps that met a RESERVATION CONFLICT.

        GuestLost: nobody had taken the disk, but its connection dropped.
        """
        for node in (self.alpha, self.beta):
            for line in node.log.lines():
                match = _EVENT.search(line.text)
                event = json.loads(match[1]) if match else {}
                if event.get("reason") != "FENCED":
                    continue
                self.lab.say(f"{node.name} lost a disk at {line.time:.2f}: {event}")
                name = self._names_of_disks()[event["disk_uuid"]]
                held = self.inspect(self.beta, name)["reservation"]
                self.lab.say(f"{name}, as beta reads it: {json.dumps(held)}")
                if not hasattr(self.shelf, "registrations"):
                    continue
                self.lab.say(f"{name}, as the shelf has it: {self.shelf.registrations(name)}")
                dropped = self._connections - self.shelf.connections()
                if dropped and not self._was_being_taken(event["disk_uuid"], line.time):
                    raise GuestLost(
                        f"nobody was taking {name}, and {len(dropped)} connections to the shelf have "
                        "dropped since the beginning: see qemu/README.md"
                    )

    def _was_being_taken(self, disk_uuid, time):
        """beta had begun to take that disk, or a second later: events come in by two ways."""
        return any(
            event.name == "take-started" and event.disk_uuid == disk_uuid and event.time < time + 1
            for event in self.events()
        )

    # The proof.

    def core_folders(self, node, owner="alpha"):
        """The recovered dumps below node's core directory, copied to the host, oldest first."""
        copied = node.extract(f"/var/crash/{owner}")
        return sorted(entry.path for entry in os.scandir(copied) if entry.is_dir())

    def core_folder(self, node, owner="alpha"):
        """The one recovered dump below node's core directory, copied to the host."""
        folders = self.core_folders(node, owner)
        if len(folders) != 1:
            raise ScenarioFailed(f"{len(folders)} recovered dumps instead of one: {folders}")
        return folders[0]

    def prove_core(self, folder, *, complete=True, planted=None, message=PANIC_MESSAGE):
        """Content, not states: the pattern, the panic message as two readers find it, the report.

        Of an incomplete core: what is there is right, the report says what is not, and it opens.
        """
        core = os.path.join(folder, "vmcore")
        with open(os.path.join(folder, "report.json")) as file:
            report = json.load(file)
        if report["complete"] != complete:
            raise ScenarioFailed(f"report says complete={report['complete']}")
        require_log(core, message)
        if kdump.is_kdump(core):
            with kdump.Kdump(core) as dump:
                require(dump.incomplete != complete, "the core's mark differs from the report")
            kdump.to_elf(core, f"{core}.elf")
            core = f"{core}.elf"
        with open(os.path.join(folder, "dmesg.txt"), errors="replace") as file:
            if message not in file.read():
                raise ScenarioFailed("dmesg.txt lacks the panic message")
        if complete:
            pattern.verify(self.lab, core, planted or self.pattern)
            return report
        found = pattern.find(self.lab, core, planted or self.pattern)
        self.lab.say(f"partial core: {found['text'].splitlines()[-1]}")
        require(0 < found["missing"] < found["pages"], f"no part of the pattern: {found}")
        require(
            not (found["damaged"] or found["displaced"] or found["repeated"]),
            f"the core holds wrong pages:\n{found['text']}",
        )
        require(
            int(report["missing_pages"]) >= found["missing"] and report["missing"],
            f"the report does not say what is missing: {report['missing_pages']} pages",
        )
        require(report["incomplete_because"], "the report does not say why the core is incomplete")
        return report


def require_log(core, message):
    """The kernel log with that message, as all find it that read such a core."""
    readers = [["makedumpfile", "--dump-dmesg", core, f"{core}.dmesg"]]
    if not kdump.is_kdump(core):
        readers += [["vmcore-dmesg", core]]
    for reader in readers:
        result = subprocess.run(reader, capture_output=True, text=True, errors="replace")
        text = result.stdout
        if reader[0] == "makedumpfile" and os.path.exists(reader[-1]):
            with open(reader[-1], errors="replace") as file:
                text = file.read()
        require(
            message in text,
            f"{reader[0]} does not find the panic message: {result.stderr.strip()[-500:]}",
        )


def require(condition, what):
    if not condition:
        raise ScenarioFailed(what)
