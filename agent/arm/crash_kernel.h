// The kernel's side of arming: its reserved memory, and the capture kernel loaded into it by
// kexec_file_load(2).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "proto/error.h"

namespace lastword {

// What commands do to the running kernel; tests put a recorder here.
struct CrashKernel {
  // Replaces what is loaded. The kernel lets go of the old image before it reads the new one
  // (kernel/kexec_file.c: kimage_free(xchg(&kexec_crash_image, NULL))): a crash within this call,
  // and after it failed, is not dumped. kNotFound or kIo from "open": a file cannot be opened, and
  // the old image is still loaded. kIo from "kexec_file_load": its detail says what to do, and the
  // old image may be gone.
  std::function<Status(const std::string& kernel, const std::string& image,
                       const std::string& command_line)>
      load;
  // Unloads any capture kernel, whoever loaded it; none being loaded is no error. kIo: it is still
  // loaded.
  std::function<Status()> unload;
};
[[nodiscard]] CrashKernel real_crash_kernel();

// What the kernel says of its own rules for loading, as text of its files; empty: no such file.
struct LoadRules {
  bool is_root = true;
  std::string lockdown;             // /sys/kernel/security/lockdown: "none [integrity] ..."
  std::string kexec_load_disabled;  // /proc/sys/kernel/kexec_load_disabled
};
// Why kexec_file_load answers EPERM, and the way out.
[[nodiscard]] std::string why_not_permitted(const LoadRules& rules);

// For a node that booted without crashkernel=.
inline constexpr std::string_view kNoReserve = "no memory is reserved for a capture kernel";
inline constexpr std::string_view kHowToReserve =
    "boot with crashkernel=128M on the kernel's command line";

// /sys/kernel/kexec_crash_size, in bytes; 0 without crashkernel= and without kexec. kCorrupt: no
// number. kIo: it cannot be read.
[[nodiscard]] Result<std::uint64_t> reserved_crash_memory();
// /sys/kernel/kexec_crash_loaded; false without kexec. Errors as above.
[[nodiscard]] Result<bool> crash_kernel_loaded();

// The release ("6.1.0-32-amd64") of a bzImage, from the version string that its setup header points
// to (Documentation/x86/boot.rst, kernel_version). kCorrupt: the file is no bzImage; a load would
// find that out too, but only after the kernel has dropped the old image. kNotFound: no such file.
// kIo: it cannot be read.
[[nodiscard]] Result<std::string> kernel_release_of(const std::string& path);

// uname -r
[[nodiscard]] std::string running_release();

// What the capture kernel's command line depends on in the running one.
struct RunningKernel {
  std::string command_line;              // /proc/cmdline
  std::optional<unsigned> boot_apic_id;  // see boot_apic_id()
  unsigned processors = 0;               // present; 0: not known
  // The kernel itself keeps a loaded image up to date when memory and processors come and go
  // (crash_hotplug, Linux 6.6 Documentation/ABI/testing/sysfs-devices-memory).
  bool follows_hotplug = false;
};
// kNotFound or kIo: a file of /proc cannot be read.
[[nodiscard]] Result<RunningKernel> inspect_running_kernel();

// The boot processor's APIC ID from the text of /proc/cpuinfo (arch/x86/kernel/cpu/proc.c):
// "initial apicid" of processor 0. None where the text does not say.
[[nodiscard]] std::optional<unsigned> boot_apic_id(std::string_view cpuinfo);

// The capture kernel's command line: the consoles of the running kernel's, what a kdump kernel
// needs to live in little memory on a machine that was not reset, and what the configuration adds.
// With several processors it leaves out the boot processor unless the crash happened there: waking
// the boot processor a second time would reset the machine
// (Documentation/admin-guide/kernel-parameters.txt, disable_cpu_apicid=). Where its APIC ID is not
// known, the capture kernel starts one processor.
[[nodiscard]] std::string capture_command_line(const RunningKernel& running, unsigned processors,
                                               const std::string& addition);
// Why the capture kernel starts fewer processors than wanted; empty: it starts as many.
[[nodiscard]] std::string why_fewer_processors(const RunningKernel& running, unsigned processors);

}  // namespace lastword
