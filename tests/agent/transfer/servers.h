// A primary and a secondary server: an XFS each, on loop devices of this machine, and the program
// itself. Where no XFS can be mounted, tests say so and test nothing.
#pragma once

#include <fcntl.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tests/agent/cli/programs.h"
#include "tests/support/xfs_image.h"

namespace lastword::test {

struct Servers {
  XfsImage primary;
  XfsImage secondary;
  TestFolder folder;
  const std::string set = primary.path() + "/db";
  const std::string copy = secondary.path() + "/db";
  std::mt19937_64 random{7};

  Servers() { std::filesystem::create_directories(set); }

  // Changes bytes of a volume; what is behind them stays.
  void write(const std::string& name, std::size_t offset, std::size_t bytes) {
    std::vector<std::uint64_t> words(bytes / 8);
    for (auto& word : words) word = random();
    const std::string path = set + "/" + name;
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    BOOST_REQUIRE(::pwrite(fd, words.data(), bytes, static_cast<off_t>(offset)) ==
                  static_cast<ssize_t>(bytes));
    ::close(fd);
  }
  void clone(const std::string& from, const std::string& to) {
    BOOST_REQUIRE(run("cp --reflink=always " + set + "/" + from + " " + set + "/" + to).status ==
                  0);
  }
  // A golden image of 24 MiB, two clones, a sparse volume and one with written zeros.
  void make_tree() {
    write("gold", 0, 24 << 20);
    clone("gold", "clone1");
    clone("gold", "clone2");
    write("clone1", 4096, 8192);
    write("clone2", 10 << 20, 4096);
    write("sparse", 100 << 20, 4096);
    BOOST_REQUIRE(run("dd if=/dev/zero bs=1M count=4 of=" + set + "/zeros").status == 0);
  }
  std::string snapshot() {
    const Outcome outcome = lastword("clone snapshot " + set);
    BOOST_TEST(outcome.status == 0);
    return outcome.output.substr(0, outcome.output.find('\n'));
  }
  // Sends to a file, so that one stream may be received more than once.
  std::string send(const std::string& options = "") {
    const std::string stream = folder.file("stream");
    const Outcome outcome = lastword("clone send " + set + " " + options + " > " + stream);
    BOOST_TEST(outcome.status == 0);
    return stream;
  }
  Outcome receive(const std::string& stream) {
    return lastword("clone receive " + secondary.path() + " < " + stream);
  }
  // Of a program that stands for ssh: it runs the line here, or, of a command that takes or gives
  // a stream, has `line` run it (below).
  std::string path_with_ssh() {
    const std::string programs = folder.file("programs");
    if (std::filesystem::create_directories(programs)) {
      std::filesystem::create_symlink(LASTWORD_PROGRAM, programs + "/lastword");
      write_script(programs + "/ssh",
                   "[ \"$1 $2\" = '-- backup' ] || exit 255\n"
                   "case \"$3\" in\n"
                   "*\"'receive'\"* | *\"'send'\"*) [ -x " +
                       line() + " ] && exec " + line() + " \"$3\";;\nesac\nexec sh -c \"$3\"\n");
    }
    return "PATH=" + programs + ":$PATH ";
  }
  Outcome push(const std::string& options = "") {
    return run(path_with_ssh() + LASTWORD_PROGRAM " clone push " + options +
               " backup:" + secondary.path() + " " + set);
  }
  [[nodiscard]] std::string line() const { return folder.file("line"); }
  static void write_script(const std::string& path, const std::string& text) {
    std::ofstream(path) << "#!/bin/sh\n" << text;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }
  // What becomes of the next pushes, after so many bytes of the stream.
  enum class Fault : std::uint8_t { kNone, kLinkCut, kReceiverKilled, kSenderKilled };
  void set_fault(Fault fault, std::uint64_t after = 0) {
    std::filesystem::remove(line());
    const std::string some = "head -c " + std::to_string(after);
    const std::string fifo = folder.file("fifo");
    switch (fault) {
      case Fault::kNone:
        return;
      case Fault::kLinkCut:
        return write_script(line(), some + " | sh -c \"$1\"\n");
      case Fault::kReceiverKilled:
        return write_script(line(), "rm -f " + fifo + "; mkfifo " + fifo +
                                        "; sh -c \"exec $1\" < " + fifo +
                                        " & receiver=$!\nexec 3> " + fifo + "\n" + some +
                                        " >&3\nkill -9 $receiver\nwait $receiver\n");
      case Fault::kSenderKilled:
        return write_script(line(), "(" + some + "; kill -9 $PPID) | sh -c \"$1\"\n");
    }
  }
  std::string staged() { return lastword("clone staged " + secondary.path()).output; }
  // Everything below it: names, kinds, times, content.
  std::string state_of(const std::string& directory) {
    return run("cd " + directory +
               " && find . -path './.lastword' -prune -o -printf '%p %y %s %T@ %l\\n' | sort && "
               "find . -type f ! -path './.lastword/*' | sort | xargs -r sha256sum")
        .output;
  }
  void refused(const Outcome& outcome, int status, std::string_view why) {
    BOOST_TEST(outcome.status == status);
    BOOST_TEST(contains(outcome.errors, why), outcome.errors);
    BOOST_TEST(std::ranges::count(outcome.errors, '\n') == 1);
  }
  // The secondary's newest snapshot is what the volumes of the primary are.
  void same() {
    BOOST_TEST(run("for v in " + set + "/*; do [ -d $v ] || cmp $v " + copy +
                   "/snapshots/latest/${v##*/} || exit 1; done")
                   .status == 0);
    BOOST_TEST(lastword("clone verify " + copy).status == 0);
  }
  std::uint64_t distinct(const std::string& directory) {
    const Outcome list = lastword("clone list --json " + directory);
    const std::string key = "\"distinct_bytes\": ";
    const auto at = list.output.find(key);
    BOOST_REQUIRE(at != std::string::npos);
    return std::stoull(list.output.substr(at + key.size()));
  }
  std::uint64_t used(const XfsImage& pool) {
    return std::stoull(run("df -B1 --output=used " + pool.path() + " | tail -1").output);
  }
};

}  // namespace lastword::test

#define REQUIRE_XFS()                                          \
  if (!XfsImage::possible()) {                                 \
    BOOST_TEST_MESSAGE("skipped: no XFS can be mounted here"); \
    return;                                                    \
  }
