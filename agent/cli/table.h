// A table on standard output, as util-linux prints its own.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace lastword {

class Table {
 public:
  struct Column {
    const char* heading;
    bool to_the_right = false;  // for numbers
  };
  // A cell for each column.
  using Row = std::vector<std::string>;

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(Row row) { rows_.push_back(std::move(row)); }
  // Cells are never cut. Bytes that a terminal would not print become \xNN, because a disk may give
  // itself any name.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

}  // namespace lastword
