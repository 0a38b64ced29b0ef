#include "dumpwriter/capture_system.h"

#include <fcntl.h>
#include <linux/reboot.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "proto/format_text.h"
#include "storage/block/file_descriptor.h"

namespace lastword {
namespace {

void mount_at(const char* type, const char* directory, DumpReporter& reporter) {
  ::mkdir(directory, 0755);
  // EBUSY: CONFIG_DEVTMPFS_MOUNT was first.
  if (::mount(type, directory, type, MS_NOSUID, nullptr) == 0 || errno == EBUSY) return;
  reporter.note(format_text("mount {}: {}", directory, strerrordesc_np(errno)).view());
}

// Neither call returns when it works; an error is as good as a time-out.
Status restart(int command) {
  ::reboot(command);
  return fail({.code = Code::kIo, .sys_errno = errno, .operation = "reboot"});
}

// At once, without shutting down devices (Documentation/admin-guide/sysrq.rst).
void press_sysrq(char key) {
  const FileDescriptor trigger(::open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC));
  if (trigger.valid()) (void)!::write(trigger.get(), &key, 1);
}

}  // namespace

void mount_file_systems(DumpReporter& reporter) {
  mount_at("devtmpfs", "/dev", reporter);
  const int console = ::open("/dev/console", O_RDWR | O_CLOEXEC | O_NOCTTY);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (console >= 0) ::dup2(console, fd);
  }
  if (console > STDERR_FILENO) ::close(console);
  mount_at("proc", "/proc", reporter);
  mount_at("sysfs", "/sys", reporter);
}

Status load_module(const std::string& path, const std::string& options) {
  const FileDescriptor module(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  // async_probe: else the call returns when all devices have been probed, that is all disks behind
  // an adapter (Linux kernel/module/main.c, do_init_module), not just ours.
  const std::string parameters = "async_probe " + options;
  if (module.valid() && ::syscall(SYS_finit_module, module.get(), parameters.c_str(), 0) == 0) {
    return {};
  }
  if (module.valid() && errno == EEXIST) return {};
  return fail({.code = Code::kIo, .sys_errno = errno, .operation = "load module", .disk = path});
}

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) << 10;  // in KiB, getrusage(2)
}

Restart::Restart()
    : reboot_(std::in_place, [] { return restart(RB_AUTOBOOT); }),
      power_off_(std::in_place, [] { return restart(RB_POWER_OFF); }) {}

void Restart::now(pb::AfterDump after, milliseconds patience) {
  while (after == pb::HOLD) ::pause();
  // Shutting down devices flushes disks, and a hung one never answers: virtio_scsi lets commands
  // wait for as long as the host likes (Linux drivers/scsi/virtio_scsi.c, virtscsi_eh_timed_out).
  (void)(after == pb::POWER_OFF ? power_off_ : reboot_)->call(patience);
  press_sysrq(after == pb::POWER_OFF ? 'o' : 'b');
  ::sleep(10);
  // The end of PID 1 is a kernel panic, and the capture kernel runs with panic=: the last way to
  // bring the machine back.
  ::_exit(1);
}

}  // namespace lastword
