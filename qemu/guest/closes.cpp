// lw-closes FILE...: print "closed FILE" each time that a descriptor of it is closed that was open
// for writing, "watching" once it looks. Runs until it is killed. On such a close udev's watch rule
// makes it read a disk's partition table again.

#include <sys/inotify.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <map>

int main(int argc, char** argv) {
  const int queue = inotify_init1(IN_CLOEXEC);
  std::map<int, const char*> watched;
  for (int i = 1; i < argc; ++i) {
    const int watch = inotify_add_watch(queue, argv[i], IN_CLOSE_WRITE);
    if (watch < 0) {
      std::perror(argv[i]);
      return 1;
    }
    watched[watch] = argv[i];
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::printf("watching\n");
  alignas(inotify_event) char buffer[4096];
  for (;;) {
    const ssize_t got = read(queue, buffer, sizeof buffer);
    if (got <= 0) return 1;
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      std::printf("closed %s\n", watched[event->wd]);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
}
