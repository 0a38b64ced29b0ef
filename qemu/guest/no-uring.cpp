// A program that follows this one in the same file is run in a process whose io_uring_setup(2) ends
// in ENOSYS, as in a kernel without io_uring. Takes the place of lastword-dump as /init of a capture
// image, where nothing else is: no shell, no mounted file system.
//
// The file: this program, the other, its size as 8 bytes, little-endian (qemu/scenarios/engine.py).
// Exit status 2: the file is not that.

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace {

bool forbid_io_uring() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{.len = sizeof program / sizeof *program, .filter = program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// The last `size` bytes before the size itself, as a file that can be run.
int other_program(const char* self) {
  const int from = open(self, O_RDONLY | O_CLOEXEC);
  const off_t end = lseek(from, -8, SEEK_END);
  std::uint64_t size = 0;
  if (end < 0 || read(from, &size, sizeof size) != sizeof size) return -1;
  if (size == 0 || size >= static_cast<std::uint64_t>(end)) return -1;
  const int to = memfd_create("program", MFD_CLOEXEC);
  off_t at = end - static_cast<off_t>(size);
  while (at < end) {
    if (sendfile(to, from, &at, static_cast<std::size_t>(end - at)) <= 0) return -1;
  }
  return to;
}

}  // namespace

int main(int, char** argv) {
  const int program = other_program(argv[0]);
  if (program < 0 || !forbid_io_uring()) {
    std::perror("lw-no-uring");
    return 2;
  }
  fexecve(program, argv, environ);
  std::perror("lw-no-uring: fexecve");
  return 2;
}
