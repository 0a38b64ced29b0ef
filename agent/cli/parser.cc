#include "agent/cli/parser.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "agent/cli/command.h"
#include "proto/error.h"
#include "proto/nearest_word.h"

namespace lastword {
namespace {

// A variable of a shell that is not set is no value.
std::string not_empty(const std::string& value) {
  return value.empty() ? "must not be empty" : "";
}

// "; did you mean X?", or nothing.
std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  const std::string_view nearest = nearest_word(word, views);
  return nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest);
}

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  const auto found =
      app.get_subcommands([&](const CLI::App* command) { return command->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

const CLI::Option* find_option(const std::vector<const CLI::App*>& apps, const std::string& name) {
  for (const CLI::App* app : apps) {
    if (const CLI::Option* option = app->get_option_no_throw(name)) return option;
  }
  return nullptr;
}

std::string unknown_option(const std::vector<const CLI::App*>& apps, const std::string& name) {
  std::vector<std::string> known;
  for (const CLI::App* app : apps) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& long_name : option->get_lnames()) known.push_back("--" + long_name);
    }
  }
  return fmt::format("unknown option {}{}", name, suggestion(name, known));
}

// CLI11 says of a line with a mistyped word what is missing then, or lists it among others. Names
// the first word that is no command or option; empty: it knows all of them.
std::string name_unknown_word(const CLI::App& app, const std::vector<std::string>& line) {
  std::vector<const CLI::App*> apps{&app};  // with the commands that were named, last one first
  for (std::size_t i = 0; i < line.size() && line[i] != "--"; ++i) {
    const std::string& word = line[i];
    if (word.size() > 1 && word.front() == '-') {
      const bool is_long = word[1] == '-';
      const std::string name = is_long ? word.substr(0, word.find('=')) : word.substr(0, 2);
      const CLI::Option* const option = find_option(apps, name);
      if (option == nullptr) return unknown_option(apps, name);
      const bool has_value = name.size() != word.size();
      if (option->get_items_expected_max() > 0 && !has_value) ++i;
    } else if (const auto known = commands_of(*apps.front()); !known.empty()) {
      const CLI::App* const command = find_command(*apps.front(), word);
      if (command == nullptr) {
        const std::string near = suggestion(word, known);
        return fmt::format(
            "unknown command {}{}", word,
            near.empty() ? fmt::format("; there are {}", fmt::join(known, ", ")) : near);
      }
      apps.insert(apps.begin(), command);
    }
  }
  return {};
}

// Left: an option and what its value is called. Right: all that is to be known about it in words.
class HelpFormatter : public CLI::Formatter {
  [[nodiscard]] std::string make_option_opts(const CLI::Option* option) const override {
    std::string value;
    if (option->nonpositional() && option->get_type_size() != 0) {
      value = " " + option->get_type_name();
    }
    const bool several = option->get_expected_max() == CLI::detail::expected_max_vector_size;
    return several ? value + " ..." : value;
  }

  [[nodiscard]] std::string make_option_desc(const CLI::Option* option) const override {
    std::string text = option->get_description();
    const std::string standard = option->get_default_str();
    if (!standard.empty()) text += fmt::format("; default: {}", standard);
    if (option->nonpositional() && option->get_required()) text += "; must be given";
    std::vector<std::string> others;
    for (const CLI::Option* other : option->get_excludes()) others.push_back(other->get_name());
    if (!others.empty()) text += fmt::format("; not with {}", fmt::join(others, ", "));
    return text;
  }
};

}  // namespace

CliOption& CliOption::required() {
  option_->required();
  return *this;
}

CliOption& CliOption::value_name(const std::string& name) {
  option_->type_name(name);
  return *this;
}

CliOption& CliOption::default_value(const std::string& text) {
  option_->default_val(text);
  return *this;
}

CliOption& CliOption::one_of(const std::vector<std::string>& words) {
  option_->type_name(fmt::format("{}", fmt::join(words, "|")));
  option_->check([words](const std::string& text) {
    if (std::ranges::find(words, text) != words.end()) return std::string();
    return fmt::format("{}: choose one of {}{}", text, fmt::join(words, ", "),
                       suggestion(text, words));
  });
  return *this;
}

CliOption& CliOption::between(unsigned least, unsigned most) {
  option_->check(CLI::Range(least, most).description(""));
  return *this;
}

CliOption& CliOption::excludes(CliOption other) {
  option_->excludes(other.option_);
  return *this;
}

CliOption CliCommand::flag(const std::string& names, bool& value, const std::string& help) {
  return CliOption(app_->add_flag(names, value, help));
}

CliOption CliCommand::option(const std::string& names, std::string& value,
                             const std::string& help) {
  return CliOption(app_->add_option(names, value, help)->check(not_empty));
}

CliOption CliCommand::option(const std::string& names, std::vector<std::string>& value,
                             const std::string& help) {
  return CliOption(app_->add_option(names, value, help));
}

CliOption CliCommand::option(const std::string& names, unsigned& value, const std::string& help) {
  return CliOption(app_->add_option(names, value, help));
}

CliOption CliCommand::option(const std::string& names, std::optional<std::uint64_t>& value,
                             ParseNumber parse, std::string_view grammar, const std::string& help) {
  const auto set = [&value, parse](const std::string& text) { value = parse(text); };
  const auto check = [parse, grammar](const std::string& text) {
    return parse(text) ? std::string() : fmt::format("{}: {}", text, grammar);
  };
  return CliOption(app_->add_option_function<std::string>(names, set, help)->check(check));
}

CliCommand CliCommand::command(const std::string& name, const std::string& help) {
  app_->require_subcommand(1);
  return {app_->add_subcommand(name, help), chosen_};
}

void CliCommand::runs(std::function<int()> work) {
  app_->callback([chosen = chosen_, work = std::move(work)] { *chosen = work; });
}

Parser::Parser(const std::string& description, const std::string& program,
               const std::string& version)
    : app_(std::make_unique<CLI::App>(description, program)) {
  app_->formatter(std::make_shared<HelpFormatter>());  // subcommands inherit it
  app_->set_help_flag("-h,--help", "Print this and exit");
  app_->set_version_flag("--version", version, "Print the version and exit");
  app_->require_subcommand(1);
  app_->fallthrough();
}

Parser::~Parser() = default;

CliOption Parser::option(const std::string& names, std::string& value, const std::string& help) {
  return CliOption(app_->add_option(names, value, help)->check(not_empty));
}

CliCommand Parser::command(const std::string& name, const std::string& help) {
  return {app_->add_subcommand(name, help), &chosen_};
}

int Parser::run(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app_->exit(error);  // --help, --version
    const std::vector<std::string> line(argv + 1, argv + std::max(argc, 1));
    return report_wrong_line(line, error.what());
  }
  return chosen_();
}

int Parser::report_wrong_line(const std::vector<std::string>& line, std::string what) const {
  std::string program = app_->get_name();
  const CLI::App* innermost = app_.get();
  while (!innermost->get_subcommands().empty()) {
    innermost = innermost->get_subcommands().front();
    program += " " + innermost->get_name();
  }
  if (const std::string unknown = name_unknown_word(*app_, line); !unknown.empty()) {
    what = unknown;
  } else if (const auto known = commands_of(*innermost); !known.empty()) {
    what = fmt::format("a command is missing: {}", fmt::join(known, ", "));
  }
  complain("{0}: {1}\n{0} --help shows what it takes.\n", program, what);
  return kExitUsage;
}

}  // namespace lastword
