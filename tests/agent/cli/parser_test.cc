#include "agent/cli/parser.h"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <iostream>

#include "proto/error.h"

namespace lastword {
namespace {

std::optional<std::uint64_t> even_number(std::string_view text) {
  if (text.size() != 1 || text.find_first_not_of("02468") == 0) return std::nullopt;
  return static_cast<std::uint64_t>(text[0] - '0');
}

struct Line {
  Parser parser{"A program.", "program", "1"};
  std::string config;
  std::string role;
  bool json = false;
  bool text = false;
  unsigned home = 0;
  std::optional<std::uint64_t> offset;
  std::vector<std::string> disks;
  unsigned ran = 0;

  Line() {
    parser.option("--config", config, "A file").default_value("/etc/file");
    CliCommand command = parser.command("label", "Labels");
    command.option("DISK", disks, "Disks").required();
    command.option("--role", role, "Role").one_of({"service", "spare"});
    command.option("--home", home, "Home").value_name("N").between(1, 255);
    command.option("--offset", offset, even_number, "an even number", "Offset").value_name("N");
    CliOption as_json = command.flag("--json", json, "JSON");
    as_json.excludes(command.flag("--text", text, "Text"));
    command.runs([this] {
      ++ran;
      return 5;
    });
  }
  int run(std::vector<std::string> words) {
    words.insert(words.begin(), "program");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    return parser.run(static_cast<int>(words.size()), argv.data());
  }
};

// What is printed meanwhile on a standard file.
std::string printed_on(int fd, const std::function<void()>& work) {
  std::FILE* const file = std::tmpfile();
  std::cout.flush();
  const int kept = ::dup(fd);
  BOOST_REQUIRE(::dup2(::fileno(file), fd) == fd);
  work();
  std::cout.flush();
  std::fflush(stderr);
  ::dup2(kept, fd);
  ::close(kept);
  std::rewind(file);
  std::string text(4096, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(parser)

BOOST_AUTO_TEST_CASE(the_command_named_runs_and_gives_its_exit_status) {
  Line line;
  BOOST_TEST(line.run({"label", "a", "b", "--role", "spare", "--home", "255", "--offset", "8",
                       "--json", "--config", "other"}) == 5);
  BOOST_TEST(line.ran == 1);
  BOOST_TEST(line.disks == (std::vector<std::string>{"a", "b"}), boost::test_tools::per_element());
  BOOST_TEST(line.role == "spare");
  BOOST_TEST(line.home == 255);
  BOOST_TEST(*line.offset == 8);
  BOOST_TEST(line.json);
  BOOST_TEST(!line.text);
  BOOST_TEST(line.config == "other");
}

BOOST_AUTO_TEST_CASE(what_is_not_given_keeps_its_default) {
  Line line;
  BOOST_TEST(line.run({"label", "a"}) == 5);
  BOOST_TEST(line.config == "/etc/file");
  BOOST_TEST(!line.offset.has_value());
}

BOOST_AUTO_TEST_CASE(a_line_that_is_wrong_runs_nothing) {
  const std::vector<std::vector<std::string>> wrong{{},
                                                    {"nope"},
                                                    {"label"},
                                                    {"label", "a", "--nope"},
                                                    {"label", "a", "--role", "dump"},
                                                    {"label", "a", "--home", "0"},
                                                    {"label", "a", "--home", "256"},
                                                    {"label", "a", "--offset", "7"},
                                                    {"label", "a", "--offset", "x"},
                                                    {"label", "a", "--json", "--text"}};
  for (const auto& words : wrong) {
    Line line;
    BOOST_TEST_CONTEXT((words.empty() ? "nothing" : words.back())) {
      BOOST_TEST(line.run(words) == kExitUsage);
      BOOST_TEST(line.ran == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_word_that_is_unknown_is_named_with_the_nearest) {
  struct Case {
    std::vector<std::string> words;
    std::string sentence;
  };
  for (const Case& mistake :
       {Case{{"lable", "a"}, "program: unknown command lable; did you mean label?"},
        Case{{"--config", "label", "xyz"}, "unknown command xyz; there are label"},
        Case{{}, "program: a command is missing: label"},
        Case{{"label", "--rol", "spare", "a"}, "unknown option --rol; did you mean --role?"},
        Case{{"label", "a", "--jsno"}, "unknown option --jsno; did you mean --json?"},
        Case{{"label", "a", "--confg=x"}, "unknown option --confg; did you mean --config?"},
        Case{{"label", "a", "-q"}, "unknown option -q"},
        Case{{"label", "a", "--role", "spar"}, "spar: choose one of service, spare; did you mean"},
        Case{{"label", "a", "--offset", "7"}, "--offset: 7: an even number"},
        Case{{"label"}, "program label: DISK is required"}}) {
    Line line;
    const std::string said =
        printed_on(STDERR_FILENO, [&] { BOOST_TEST(line.run(mistake.words) == kExitUsage); });
    BOOST_TEST(said.find(mistake.sentence) != std::string::npos, said);
    BOOST_TEST(line.ran == 0);
  }
}

BOOST_AUTO_TEST_CASE(help_is_no_error) {
  Line line;
  BOOST_TEST(line.run({"label", "--help"}) == kExitOk);
  BOOST_TEST(line.run({"label", "-h"}) == kExitOk);
  BOOST_TEST(line.ran == 0);
}

BOOST_AUTO_TEST_CASE(help_says_in_words_what_an_option_is) {
  const std::string help = printed_on(STDOUT_FILENO, [] {
    Line line;
    BOOST_TEST(line.run({"label", "--help"}) == kExitOk);
  });
  for (const char* part : {"  DISK ...  ", "--role service|spare  ", "--home N  ", "--offset N  ",
                           "JSON; not with --text", "Text; not with --json"}) {
    BOOST_TEST(help.find(part) != std::string::npos, part << " in " << help);
  }
  for (const char* riddle : {"TEXT", "UINT", "Excludes", "REQUIRED"}) {
    BOOST_TEST(help.find(riddle) == std::string::npos, riddle << " in " << help);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword
