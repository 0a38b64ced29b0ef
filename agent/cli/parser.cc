#include "agent/cli/parser.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <utility>

#include "proto/error.h"

namespace lastword {

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
  option_->check(CLI::IsMember(words).description(""));
  return *this;
}

CliOption& CliOption::between(unsigned least, unsigned most) {
  option_->check(CLI::Range(least, most).description(""));
  return *this;
}

CliOption& CliOption::multiple_of(std::uint64_t bytes) {
  option_->check([bytes](const std::string& text) {
    std::uint64_t value = 0;
    const bool good = CLI::detail::lexical_cast(text, value) && value % bytes == 0;
    return good ? std::string() : fmt::format("{}: bytes, a multiple of {}", text, bytes);
  });
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
  return CliOption(app_->add_option(names, value, help));
}

CliOption CliCommand::option(const std::string& names, std::vector<std::string>& value,
                             const std::string& help) {
  return CliOption(app_->add_option(names, value, help));
}

CliOption CliCommand::option(const std::string& names, unsigned& value, const std::string& help) {
  return CliOption(app_->add_option(names, value, help));
}

CliOption CliCommand::option(const std::string& names, std::optional<std::uint64_t>& value,
                             const std::string& help) {
  return CliOption(app_->add_option(names, value, help));
}

void CliCommand::runs(std::function<int()> work) {
  app_->callback([chosen = chosen_, work = std::move(work)] { *chosen = work; });
}

Parser::Parser(const std::string& description, const std::string& program,
               const std::string& version)
    : app_(std::make_unique<CLI::App>(description, program)) {
  app_->set_version_flag("--version", version);
  app_->require_subcommand(1);
  app_->fallthrough();
}

Parser::~Parser() = default;

CliOption Parser::option(const std::string& names, std::string& value, const std::string& help) {
  return CliOption(app_->add_option(names, value, help));
}

CliCommand Parser::command(const std::string& name, const std::string& help) {
  return {app_->add_subcommand(name, help), &chosen_};
}

int Parser::run(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return chosen_();
}

}  // namespace lastword
