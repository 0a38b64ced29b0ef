// The command line of `lastword`. CLI11 does the work, and only parser.cc includes it: every source
// that includes CLI11 takes seconds to compile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace lastword {

// One flag, option or positional argument of a command. A handle: copies are the same option. Lives
// as long as the parser.
class CliOption {
 public:
  explicit CliOption(CLI::Option* option) : option_(option) {}
  CliOption& required();
  // What help shows for the value; every option that takes one needs a name or one_of().
  CliOption& value_name(const std::string& name);
  CliOption& default_value(const std::string& text);
  // The value is one of these words; help shows them.
  CliOption& one_of(const std::vector<std::string>& words);
  CliOption& between(unsigned least, unsigned most);
  // Not both on one command line.
  CliOption& excludes(CliOption other);

 private:
  CLI::Option* option_;
};

// One subcommand. What an option sets must stay alive until the command has run; `names` are as
// CLI11 takes them: "-o,--output", or "DISK" for a positional argument.
class CliCommand {
 public:
  CliCommand(CLI::App* app, std::function<int()>* chosen) : app_(app), chosen_(chosen) {}
  CliOption flag(const std::string& names, bool& value, const std::string& help);
  CliOption option(const std::string& names, std::string& value, const std::string& help);
  CliOption option(const std::string& names, std::vector<std::string>& value,
                   const std::string& help);
  CliOption option(const std::string& names, unsigned& value, const std::string& help);
  // The value is what `parse` makes of the text; where that is nothing, the error says that
  // `grammar` is wanted.
  using ParseNumber = std::optional<std::uint64_t> (*)(std::string_view text);
  CliOption option(const std::string& names, std::optional<std::uint64_t>& value, ParseNumber parse,
                   std::string_view grammar, const std::string& help);
  // A command of this command, as in `lastword clone list`: one of them must be named, and only
  // they have work.
  CliCommand command(const std::string& name, const std::string& help);
  // The command's work: returns the exit status. It runs after all of the line has been parsed.
  void runs(std::function<int()> work);

 private:
  CLI::App* app_;
  std::function<int()>* chosen_;
};

class Parser {
 public:
  Parser(const std::string& description, const std::string& program, const std::string& version);
  ~Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  // An option of the program itself: may stand before the subcommand and after it.
  CliOption option(const std::string& names, std::string& value, const std::string& help);
  // Help lists the commands in the order in which they were added.
  CliCommand command(const std::string& name, const std::string& help);

  // Parses and runs the command that was named; returns its exit status. Where the command line is
  // wrong, says on standard error which word is, with the nearest one that there is, and returns
  // kExitUsage.
  [[nodiscard]] int run(int argc, char** argv);

 private:
  [[nodiscard]] int report_wrong_line(const std::vector<std::string>& line, std::string what) const;

  std::unique_ptr<CLI::App> app_;
  std::function<int()> chosen_;
};

}  // namespace lastword
