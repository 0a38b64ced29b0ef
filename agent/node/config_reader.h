// Typed values out of a configuration file that was parsed, with a complaint that names the line
// for each that is wrong. For config_file.cc alone.
#pragma once

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/duration.h"
#include "proto/error.h"
#include "proto/nearest_word.h"
#include "proto/timing.h"

namespace lastword {

using Choices = std::initializer_list<std::pair<std::string_view, int>>;

class ConfigReader {
 public:
  explicit ConfigReader(std::string path) : path_(std::move(path)) {}

  [[nodiscard]] std::size_t complaints() const { return complaints_.size(); }
  // In the order of the file.
  [[nodiscard]] std::vector<Error> errors() {
    std::ranges::stable_sort(complaints_, {}, &Complaint::place);
    std::vector<Error> errors;
    for (const Complaint& complaint : complaints_) errors.push_back(complaint.error);
    return errors;
  }

  void complain(const toml::source_region& where, const std::string& what) {
    // Line 0: something is missing from the file as a whole, perhaps by a mistake that has a line.
    const auto [line, column] = where.begin;
    const std::string place = line == 0 ? "" : fmt::format("line {}:{}: ", line, column);
    complaints_.push_back({.place = {line == 0 ? UINT32_MAX : line, column},
                           .error = {.code = Code::kUsage,
                                     .operation = "read configuration",
                                     .disk = path_,
                                     .detail = place + what}});
  }

  void only_keys(const toml::table& table, std::string_view name,
                 std::initializer_list<std::string_view> known) {
    for (const auto& [key, node] : table) {
      if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
      const std::string_view near = nearest_word(key.str(), {known.begin(), known.size()});
      complain(key.source(),
               fmt::format("unknown key \"{}\" in {}; {}it takes {}", key.str(), name,
                           near.empty() ? "" : fmt::format("did you mean \"{}\"? ", near),
                           fmt::join(known, ", ")));
    }
  }

  // Null when absent.
  const toml::table* table(const toml::table& parent, std::string_view key) {
    const toml::node* node = parent.get(key);
    if (node == nullptr) return nullptr;
    if (!node->is_table()) complain(node->source(), fmt::format("[{}] must be a table", key));
    return node->as_table();
  }

  // False when absent or wrong; `into` is then unchanged. The same for all that follow.
  bool text(const toml::table& table, std::string_view key, std::string& into) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return false;
    const auto* value = node->as_string();
    if (value == nullptr) {
      complain(node->source(), fmt::format("{} must be a string in quotes", key));
      return false;
    }
    into = value->get();
    return true;
  }

  void absolute_path(const toml::table& table, std::string_view key, std::string& into) {
    std::string value;
    if (!text(table, key, value)) return;
    if (!value.starts_with('/')) {
      complain(table.get(key)->source(),
               fmt::format("{} = \"{}\" must be an absolute path", key, value));
      return;
    }
    into = value;
  }

  void duration(const toml::table& table, std::string_view key, milliseconds& into) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return;
    const auto* value = node->as_string();
    const auto parsed = parse_duration(value == nullptr ? std::string_view{} : value->get());
    if (!parsed) {
      const std::string found = value == nullptr ? "" : fmt::format(" = \"{}\"", value->get());
      complain(node->source(),
               fmt::format("{}{} must be {}, in quotes", key, found, kDurationGrammar));
      return;
    }
    into = *parsed;
  }

  void boolean(const toml::table& table, std::string_view key, bool& into) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<bool>();
    if (!value) return complain(node->source(), fmt::format("{} takes true or false", key));
    into = *value;
  }

  void number(const toml::table& table, std::string_view key, unsigned& into, unsigned least,
              unsigned most) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<std::int64_t>();
    if (!value || *value < std::int64_t{least} || *value > std::int64_t{most}) {
      complain(node->source(), fmt::format("{} takes a number from {} to {}", key, least, most));
      return;
    }
    into = static_cast<unsigned>(*value);
  }

  // Text that `parse` accepts.
  template <class Parse>
  void checked(const toml::table& table, std::string_view key, std::string& into, Parse parse) {
    if (!text(table, key, into)) return;
    if (const auto parsed = parse(into); !parsed) {
      complain(table.get(key)->source(),
               fmt::format("{} = \"{}\": {}", key, into, parsed.error().detail.view()));
    }
  }

  template <class Enum>
  void choice(const toml::table& table, std::string_view key, Enum& into, Choices choices) {
    std::string value;
    if (!text(table, key, value)) return;
    std::string known;
    for (const auto& [name, meaning] : choices) {
      if (name == value) {
        into = static_cast<Enum>(meaning);
        return;
      }
      known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", name);
    }
    complain(table.get(key)->source(),
             fmt::format("{} = \"{}\": choose one of {}", key, value, known));
  }

 private:
  struct Complaint {
    std::pair<toml::source_index, toml::source_index> place;  // line and column
    Error error;
  };
  std::string path_;
  std::vector<Complaint> complaints_;
};

}  // namespace lastword
