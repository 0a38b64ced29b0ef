// What the operator configures, as plain data with its defaults. The file that it comes from is
// read by agent/node/config_file.h; the man page lastword.toml(5) tells the operator what each
// setting means.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/protocol/core_format.h"
#include "proto/error.h"
#include "proto/page_class.h"
#include "proto/plan.pb.h"
#include "proto/timing.h"

namespace lastword {

struct NodeConfig {
  std::string name;
  std::uint8_t id = 0;         // 1..255, differs between the two
  std::string core_directory;  // where this node's recovered dumps go, on whichever node recovers;
                               // default: /var/crash/NAME
};

// What a takeover does about a registrant that belongs to neither node: type 5 lets it write.
enum class ForeignRegistrants : std::uint8_t {
  kRemove,  // its key is preempted, its commands aborted
  kRefuse,  // the disk is not taken
};

// What the agent does on a node that the partner has taken over from while it lived, after the
// hook.
enum class WhenFenced : std::uint8_t {
  kPanic,  // its dump writer finds the reservations gone, writes nothing and reboots
  kEnd,    // the agent ends; somebody else reboots the node
};

struct Hooks {
  std::string service_taken;  // a program run with the event in its environment; empty: none
  std::string fenced;         // run on a node that was taken over from while it lived; empty: none
  // Of programs, each with the name of the event at which it runs; empty: none. An event that has a
  // program of its own above runs that one.
  std::string directory;
  milliseconds timeout = Timing{}.hook_timeout();  // after which its processes are ended
};

// A way for messages beside the mailbox disks ([[link]]): UDP, authenticated.
struct LinkConfig {
  std::string name;     // for events and status
  std::string address;  // this node's, numeric
  std::string peer;     // the partner's, numeric, of the same family
  std::uint16_t port = 7410;
};

// [giveback]: the agent gives back by itself.
struct AutomaticGiveback {
  bool on = false;
  milliseconds stable{60'000};  // the partner has waited for so long in one life
  unsigned most = 3;            // in a row; from then on an operator gives back
};

struct Config {
  std::string cluster_uuid;  // canonical lower-case text
  NodeConfig self;
  NodeConfig partner;
  Timing timing;
  bool keep_latest = false;  // [dump] keep = "latest": an unsaved dump may be overwritten
  pb::AfterDump after = pb::REBOOT;
  pb::Engine engine = pb::ENGINE_AUTO;
  std::string exclude{kDefaultExclude};  // pages to leave out, as PageFilter::parse() takes them
  std::string codec = "auto";            // as CodecSetting::parse() takes it
  CoreFormat core_format = CoreFormat::kKdump;
  std::vector<std::string> extra_modules;  // [capture] kernel modules beyond those of the disks
  std::string capture_kernel;              // empty: /boot/vmlinuz-RELEASE of the running kernel
  std::string capture_command_line;        // appended to the default one
  unsigned capture_processors = 1;         // [capture] processors: that the capture kernel starts
  std::string dump_program = "/usr/lib/lastword/lastword-dump";
  std::string state_directory = "/run/lastword";           // must not survive a reboot
  std::string persistent_directory = "/var/lib/lastword";  // must survive one
  ForeignRegistrants foreign_registrants = ForeignRegistrants::kRemove;  // [takeover]
  WhenFenced when_fenced = WhenFenced::kPanic;                           // [takeover]
  // [takeover] After silence: the service is announced though one of its disks is missing.
  bool incomplete_service = false;
  Hooks hooks;
  std::vector<LinkConfig> links;
  std::string key_file = "/etc/lastword/cluster.key";  // of the links; readable by root only
  AutomaticGiveback giveback;
  bool realtime = true;         // [agent] the agent asks for real-time priority
  std::string watchdog_device;  // [watchdog] device; empty: none
};

}  // namespace lastword
