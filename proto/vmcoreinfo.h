// VMCOREINFO: what the dead kernel said about itself, as lines KEY=VALUE (Linux
// Documentation/admin-guide/kdump/vmcoreinfo.rst). A view with look-ups, no copy.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace lastword {

// The name of the ELF note that has it.
inline constexpr std::string_view kVmcoreinfoNote = "VMCOREINFO";

class Vmcoreinfo {
 public:
  Vmcoreinfo() = default;
  // `text` must outlive this.
  explicit Vmcoreinfo(std::string_view text) : text_(text) {}

  [[nodiscard]] std::string_view text() const { return text_; }
  // Of the line KEY=VALUE: "OSRELEASE", "CRASHTIME". The last such line counts.
  [[nodiscard]] std::optional<std::string_view> value(std::string_view key) const;

  // CRASHTIME: seconds since 1970 of the dead kernel's wall clock. Empty where there is none, and
  // where it is no number or no time of the years 1970 to 9999.
  [[nodiscard]] std::optional<std::int64_t> crash_time() const;

  // SYMBOL(name)=ffffffff82000000, always hexadecimal.
  [[nodiscard]] std::optional<std::uint64_t> symbol(std::string_view name) const;
  // LENGTH(name)=, SIZE(name)=, OFFSET(name)=, NUMBER(name)=, all decimal.
  [[nodiscard]] std::optional<std::uint64_t> length(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint64_t> size(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint64_t> offset(std::string_view name) const;
  [[nodiscard]] std::optional<std::int64_t> number(std::string_view name) const;

 private:
  [[nodiscard]] std::optional<std::string_view> value(std::string_view type,
                                                      std::string_view name) const;

  std::string_view text_;
};

}  // namespace lastword
