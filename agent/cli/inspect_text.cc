#include "agent/cli/inspect_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "agent/arm/candidate_plan.h"
#include "agent/base/utc.h"
#include "proto/duration.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

// A number of bytes or a time, with what it means to a person behind it.
class PrintReadably : public google::protobuf::TextFormat::FastFieldValuePrinter {
  using Generator = google::protobuf::TextFormat::BaseTextGenerator;

 public:
  enum class Unit : std::uint8_t { kBytes, kUnixMs, kMs };
  explicit PrintReadably(Unit unit) : unit_(unit) {}
  void PrintUInt64(std::uint64_t value, Generator* generator) const override {
    generator->PrintString(std::to_string(value));
    if (unit_ == Unit::kBytes && value >= 1024) {
      generator->PrintString(fmt::format("  # {}", format_bytes(value)));
    } else if (unit_ == Unit::kMs && value >= 1000) {
      generator->PrintString(fmt::format("  # {}", to_string(milliseconds(value))));
    }
  }
  void PrintInt64(std::int64_t value, Generator* generator) const override {
    generator->PrintString(std::to_string(value));
    if (unit_ == Unit::kUnixMs) {
      generator->PrintString(fmt::format("  # {:%Y-%m-%d %H:%M:%S} UTC", utc_fields(value)));
    }
  }

 private:
  Unit unit_;
};

// By the units that the names of fields end in.
void print_readably(google::protobuf::TextFormat::Printer& printer,
                    const google::protobuf::Descriptor& type) {
  using Unit = PrintReadably::Unit;
  for (int i = 0; i < type.field_count(); ++i) {
    const auto* const field = type.field(i);
    if (field->message_type() != nullptr) print_readably(printer, *field->message_type());
    std::optional<Unit> unit;
    if (field->name().ends_with("_bytes")) unit = Unit::kBytes;
    if (field->name().ends_with("_ms")) unit = Unit::kMs;
    if (field->name().ends_with("_unix_ms")) unit = Unit::kUnixMs;
    if (!unit) continue;
    auto readable = std::make_unique<PrintReadably>(*unit);
    // Then the printer owns it.
    if (printer.RegisterFieldValuePrinter(field, readable.get())) (void)readable.release();
  }
}

class Text {
 public:
  template <class... Args>
  void line(int indent, fmt::format_string<Args...> format, Args&&... args) {
    text_.append(static_cast<std::size_t>(indent), ' ');
    // Names of partitions and file systems come from the disk: none of them ends the line or moves
    // the cursor.
    std::string text = fmt::format(format, std::forward<Args>(args)...);
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    text_ += text;
    text_ += '\n';
  }
  // Protobuf's own text, field by field; what a number means is a comment in it.
  void message(int indent, const google::protobuf::Message& message) {
    google::protobuf::TextFormat::Printer printer;
    print_readably(printer, *message.GetDescriptor());
    std::string text;
    printer.PrintToString(message, &text);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      line(indent, "{}", std::string_view(text).substr(at, end - at));
      at = end + 1;
    }
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string describe_bytes(std::uint64_t bytes) {
  return bytes < 1024 ? fmt::format("{} bytes", bytes)
                      : fmt::format("{} bytes ({})", bytes, format_bytes(bytes));
}

// The owner or the attribute: protobuf's text leaves them out where they have the default value.
std::string summary(const pb::InspectRecord& record) {
  for (const pb::InspectSlot& slot : record.slots()) {
    if (!slot.counts()) continue;
    if (slot.has_label() && slot.label().owner_node() == 0) return ", owned by no node";
    if (slot.has_label()) return fmt::format(", owned by node {}", slot.label().owner_node());
    if (slot.has_coredump_header()) {
      return fmt::format(", {}", name_of(slot.coredump_header().attribute()));
    }
  }
  return "";
}

void format_slot(Text& text, int index, const pb::InspectSlot& slot) {
  std::string frame;
  if (slot.version() != 0) {
    frame = fmt::format(", version {}, sequence {}, {} bytes", slot.version(), slot.sequence(),
                        slot.payload_bytes());
  }
  text.line(2, "slot {} at byte {}: {}{}{}", index, slot.offset_bytes(), slot.state(), frame,
            slot.counts() ? "  <- counts" : "");
  if (slot.has_label()) text.message(6, slot.label());
  if (slot.has_coredump_header()) text.message(6, slot.coredump_header());
  if (slot.has_mailbox_slot()) text.message(6, slot.mailbox_slot());
}

void format_stream(Text& text, const pb::InspectStream& stream) {
  text.line(0, "dump");
  for (const pb::InspectSection& section : stream.sections()) {
    const std::string frames =
        section.kind() != "pages"
            ? ""
            : fmt::format(
                  ", {} pass, page frames {:#x}-{:#x}: {} stored, {} zero, {} excluded, {} "
                  "unreadable",
                  section.pass(), section.first_pfn(), section.end_pfn(), section.stored_pages(),
                  section.zero_pages(), section.excluded_pages(), section.unreadable_pages());
    text.line(2, "section {} at byte {}: {}, {}, {} bytes, stored {}{}: {}", section.sequence(),
              section.offset_bytes(), section.kind(), section.codec(), section.raw_bytes(),
              section.stored_bytes(), frames, section.state());
  }
  if (stream.more()) text.line(2, "and more; `lastword recover` verifies all");
  if (!stream.end().empty()) text.line(2, "{}", stream.end());
}

std::string format_key(const pb::InspectKey& key) {
  if (!key.made_by_lastword()) return key.key() + " (not made by lastword)";
  return fmt::format("{} (node {}, boot generation {}{})", key.key(), key.node(),
                     key.boot_generation(),
                     key.of_this_cluster() ? "" : ", not of this disk's cluster");
}

void format_reservation(Text& text, const pb::InspectReservation& reservation) {
  if (!reservation.problem().empty()) text.line(0, "reservation: {}", reservation.problem());
  if (reservation.has_holder()) {
    text.line(0, "reservation: {}, held by {}", reservation.type(),
              format_key(reservation.holder()));
  } else if (!reservation.type().empty()) {
    text.line(0, "reservation: {}, held by all registrants", reservation.type());
  } else if (reservation.problem().empty()) {
    text.line(0, "reservation: none");
  }
  for (const pb::InspectKey& key : reservation.registrations()) {
    text.line(0, "registered: {}", format_key(key));
  }
}

}  // namespace

std::string format_report(const pb::InspectReport& report) {
  Text text;
  text.line(0, "{}: {}, {}", report.disk(), report.description(),
            describe_bytes(report.size_bytes()));
  for (const pb::InspectPartition& entry : report.partitions()) {
    text.line(0, "partition {}: {} at byte {}, type {}, \"{}\"", entry.number(),
              describe_bytes(entry.length_bytes()), entry.offset_bytes(), entry.type(),
              entry.name());
  }
  for (const pb::InspectSignature& signature : report.signatures()) {
    text.line(0, "signature: {} at byte {} {}", signature.type(), signature.offset_bytes(),
              signature.label());
  }
  if (!report.labelled()) text.line(0, "not labelled");
  for (const pb::InspectRecord& record : report.records()) {
    text.line(0, "{}: {}{}", record.name(), record.verdict(), summary(record));
    for (int i = 0; i < record.slots_size(); ++i) format_slot(text, i, record.slots(i));
  }
  if (report.has_stream()) format_stream(text, report.stream());
  if (report.has_reservation()) format_reservation(text, report.reservation());
  for (const std::string& problem : report.problems()) text.line(0, "problem: {}", problem);
  return text.take();
}

}  // namespace lastword
