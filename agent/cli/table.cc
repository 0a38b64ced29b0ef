#include "agent/cli/table.h"

#include <libsmartcols.h>

#include <cstdlib>
#include <memory>
#include <new>

namespace lastword {
namespace {

struct Unref {
  void operator()(libscols_table* table) const { scols_unref_table(table); }
};

// libsmartcols fails for lack of memory only.
void require(bool done) {
  if (!done) throw std::bad_alloc();
}

}  // namespace

std::string Table::text() const {
  const std::unique_ptr<libscols_table, Unref> table(scols_new_table());
  require(table != nullptr);
  require(scols_table_set_termforce(table.get(), SCOLS_TERMFORCE_NEVER) == 0);
  for (const Column& column : columns_) {
    constexpr double kNoHint = 0;
    require(scols_table_new_column(table.get(), column.heading, kNoHint,
                                   column.to_the_right ? SCOLS_FL_RIGHT : 0) != nullptr);
  }
  for (const Row& row : rows_) {
    libscols_line* const line = scols_table_new_line(table.get(), nullptr);
    require(line != nullptr);
    for (std::size_t i = 0; i < row.size(); ++i) {
      require(scols_line_set_data(line, i, row[i].c_str()) == 0);
    }
  }
  char* printed = nullptr;
  require(scols_print_table_to_string(table.get(), &printed) == 0);
  const std::unique_ptr<char, decltype(&std::free)> owner(printed, &std::free);
  if (printed == nullptr || *printed == '\0') return "";
  return std::string(printed) + '\n';  // libsmartcols leaves the last line feed out
}

}  // namespace lastword
