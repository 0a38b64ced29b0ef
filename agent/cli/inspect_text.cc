#include "agent/cli/inspect_text.h"

#include <fmt/format.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <iterator>

#include "proto/record_names.h"

namespace lastword {
namespace {

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
  // Protobuf's own text, field by field.
  void message(int indent, const google::protobuf::Message& message) {
    std::string text;
    google::protobuf::TextFormat::PrintToString(message, &text);
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
  text.line(0, "{}: {}, {} bytes", report.disk(), report.description(), report.size_bytes());
  for (const pb::InspectPartition& entry : report.partitions()) {
    text.line(0, "partition {}: {} bytes at byte {}, type {}, \"{}\"", entry.number(),
              entry.length_bytes(), entry.offset_bytes(), entry.type(), entry.name());
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
