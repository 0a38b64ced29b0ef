#include "agent/arm/crash_kernel.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/kexec.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <sstream>

#include "agent/base/text_file.h"
#include "storage/block/file_descriptor.h"

namespace lastword {
namespace {

constexpr char kCrashSize[] = "/sys/kernel/kexec_crash_size";
constexpr char kCrashLoaded[] = "/sys/kernel/kexec_crash_loaded";

// A kernel without kexec has no such file: the same as 0.
Result<std::uint64_t> read_number(const char* path) {
  const auto text = read_text_file(path);
  if (!text && text.error().code == Code::kNotFound) return 0;
  if (!text) return fail(text.error());
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), value);
  if (parsed.ec != std::errc()) {
    return fail({.code = Code::kCorrupt, .operation = "read number", .disk = path});
  }
  return value;
}

// What the errno of kexec_file_load most often means to an operator.
std::string_view load_advice(int error) {
  switch (error) {
    case EADDRNOTAVAIL:
    case ENOMEM:
      return "no room in the reserved memory: boot with a larger crashkernel=";
    case ENOEXEC:
      return "not a kernel that can be loaded";
    case EKEYREJECTED:
    case ENOKEY:
    case EBADMSG:
      return "the kernel's signature is not accepted (lockdown or Secure Boot): use a signed "
             "kernel";
    case EBUSY:
      return "another program is loading a kernel; try again";
    default:
      return "no capture image is loaded now";
  }
}

LoadRules load_rules() {
  const auto text_of = [](const char* path) { return read_text_file(path).value_or(""); };
  return {.is_root = ::geteuid() == 0,
          .lockdown = text_of("/sys/kernel/security/lockdown"),
          .kexec_load_disabled = text_of("/proc/sys/kernel/kexec_load_disabled")};
}

Result<FileDescriptor> open_for_kernel(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return fail({.code = errno == ENOENT ? Code::kNotFound : Code::kIo,
                 .sys_errno = errno,
                 .operation = "open",
                 .disk = path});
  }
  return file;
}

Status load(const std::string& kernel, const std::string& image, const std::string& command_line) {
  const auto kernel_file = open_for_kernel(kernel);
  if (!kernel_file) return fail(kernel_file.error());
  const auto image_file = open_for_kernel(image);
  if (!image_file) return fail(image_file.error());
  // glibc has no wrapper. The length counts the terminating zero.
  if (::syscall(SYS_kexec_file_load, kernel_file->get(), image_file->get(), command_line.size() + 1,
                command_line.c_str(), static_cast<unsigned long>(KEXEC_FILE_ON_CRASH)) != 0) {
    return fail({.code = Code::kIo,
                 .sys_errno = errno,
                 .operation = "kexec_file_load",
                 .disk = kernel,
                 .detail = errno == EPERM ? why_not_permitted(load_rules())
                                          : std::string(load_advice(errno))});
  }
  return {};
}

Status unload() {
  const auto loaded = crash_kernel_loaded();
  if (loaded && !*loaded) return {};
  const unsigned long flags = KEXEC_FILE_UNLOAD | KEXEC_FILE_ON_CRASH;
  if (::syscall(SYS_kexec_file_load, -1, -1, 0UL, nullptr, flags) != 0) {
    return fail({.code = Code::kIo,
                 .sys_errno = errno,
                 .operation = "kexec_file_load(UNLOAD)",
                 .detail = "the capture image is still loaded"});
  }
  return {};
}

}  // namespace

std::string why_not_permitted(const LoadRules& rules) {
  if (!rules.is_root) return "not permitted: run as root";
  // The mode in force is in brackets (Linux security/lockdown/lockdown.c, lockdown_read).
  const std::size_t begin = rules.lockdown.find('[');
  const std::size_t end = rules.lockdown.find(']');
  if (begin != std::string::npos && end != std::string::npos && end > begin) {
    const std::string mode = rules.lockdown.substr(begin + 1, end - begin - 1);
    if (mode != "none") {
      return fmt::format(
          "this kernel is locked down ({}), as with Secure Boot, and loads only a "
          "signed kernel: name one as [capture] kernel, or boot without lockdown",
          mode);
    }
  }
  if (rules.kexec_load_disabled.starts_with('1')) {
    return "kernel.kexec_load_disabled is 1, which lasts until the next boot: find out what sets "
           "it";
  }
  return "not permitted, though this is root: a container, or a security module, may forbid it";
}

CrashKernel real_crash_kernel() {
  return {.load = load, .unload = unload};
}

Result<std::uint64_t> reserved_crash_memory() {
  return read_number(kCrashSize);
}

Result<bool> crash_kernel_loaded() {
  const auto value = read_number(kCrashLoaded);
  if (!value) return fail(value.error());
  return *value != 0;
}

Result<std::string> kernel_release_of(const std::string& path) {
  // Offsets of the setup header: boot.rst "The Real-Mode Kernel Header". The version string lies
  // within the setup sectors, of which there are at most 64.
  constexpr std::size_t kSetupBytes = 0x8200;
  constexpr std::size_t kMagicOffset = 0x202;
  constexpr std::size_t kVersionPointer = 0x20e;
  constexpr std::size_t kVersionBase = 0x200;
  const auto file = open_for_kernel(path);
  if (!file) return fail(file.error());
  std::array<char, kSetupBytes> setup{};
  const ssize_t count = ::pread(file->get(), setup.data(), setup.size() - 1, 0);
  const auto not_kernel = [&path](std::string_view detail) {
    return fail({.code = Code::kCorrupt,
                 .operation = "read capture kernel",
                 .disk = path,
                 .detail = detail});
  };
  if (count < 0) {
    return fail(
        {.code = Code::kIo, .sys_errno = errno, .operation = "read capture kernel", .disk = path});
  }
  if (std::memcmp(setup.data() + kMagicOffset, "HdrS", 4) != 0) {
    return not_kernel("no x86 bzImage (it has no HdrS magic)");
  }
  std::uint16_t pointer = 0;
  std::memcpy(&pointer, setup.data() + kVersionPointer, sizeof pointer);
  const std::size_t offset = kVersionBase + pointer;
  if (pointer == 0 || offset >= static_cast<std::size_t>(count)) {
    return not_kernel("its header names no version string");
  }
  const std::string_view version(setup.data() + offset);
  const std::string_view release = version.substr(0, version.find(' '));
  if (release.empty()) return not_kernel("its version string is empty");
  return std::string(release);
}

std::string running_release() {
  utsname names{};
  ::uname(&names);
  return names.release;
}

std::optional<unsigned> boot_apic_id(std::string_view cpuinfo) {
  // One paragraph a processor, "key\t: value" lines.
  const std::string_view first = cpuinfo.substr(0, cpuinfo.find("\n\n"));
  constexpr std::string_view kKey = "\ninitial apicid\t: ";
  const std::size_t at = first.find(kKey);
  if (at == std::string_view::npos || !first.starts_with("processor\t: 0\n")) return std::nullopt;
  const std::string_view value = first.substr(at + kKey.size());
  unsigned id = 0;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), id);
  if (parsed.ec != std::errc()) return std::nullopt;
  return id;
}

Result<RunningKernel> inspect_running_kernel() {
  const auto command_line = read_text_file("/proc/cmdline");
  if (!command_line) return fail(command_line.error());
  const auto cpuinfo = read_text_file("/proc/cpuinfo");
  if (!cpuinfo) return fail(cpuinfo.error());
  const long processors = ::sysconf(_SC_NPROCESSORS_CONF);
  const auto follows = [](const std::string& subsystem) {
    const auto text = read_text_file("/sys/devices/system/" + subsystem + "/crash_hotplug");
    return text && text->starts_with('1');
  };
  return RunningKernel{.command_line = *command_line,
                       .boot_apic_id = boot_apic_id(*cpuinfo),
                       .processors = processors > 0 ? static_cast<unsigned>(processors) : 0,
                       .follows_hotplug = follows("memory") && follows("cpu")};
}

std::string why_fewer_processors(const RunningKernel& running, unsigned processors) {
  if (processors <= 1 || running.boot_apic_id) return {};
  return fmt::format(
      "[capture] processors is {}, but the capture kernel will start one: /proc/cpuinfo does not "
      "tell the boot processor's \"initial apicid\", by which it would be left out",
      processors);
}

std::string capture_command_line(const RunningKernel& running, unsigned processors,
                                 const std::string& addition) {
  std::string line;
  const auto append = [&line](std::string_view word) {
    if (!line.empty()) line += ' ';
    line += word;
  };
  std::istringstream words(running.command_line);
  for (std::string word; words >> word;) {
    if (word.starts_with("console=") || word.starts_with("earlyprintk=") ||
        word.starts_with("earlycon")) {
      append(word);
    }
  }
  const bool several = processors > 1 && running.boot_apic_id;
  append("nr_cpus=" + std::to_string(several ? processors : 1));
  if (several) append("disable_cpu_apicid=" + std::to_string(*running.boot_apic_id));
  // Documentation/admin-guide/kdump/kdump.rst. reset_devices: the panic left devices in any state.
  // irqpoll: there may be interrupts that nobody handles. panic=: if this kernel crashes too, the
  // machine restarts. loglevel=: some hundred lines about the hardware take a second on a serial
  // console, several seconds with many disks, and so long the partner does not know of the panic.
  // The others save memory.
  append(
      "reset_devices irqpoll panic=10 cgroup_disable=memory acpi_no_memhotplug "
      "transparent_hugepage=never numa=off nokaslr loglevel=4");
  if (!addition.empty()) append(addition);
  return line;
}

}  // namespace lastword
