// Coredump headers whose content cannot be read: such a header proves no panic, and could hide one.
#pragma once

#include <map>
#include <string>

#include "agent/node/event.h"
#include "agent/protocol/disk_view.h"

namespace lastword {

class UnreadableHeaders {
 public:
  explicit UnreadableHeaders(const EventSink& events) : events_(events) {}

  // An operator is to know, once for each change (event header-unreadable).
  void tell_of(const DiskView& disk);

 private:
  const EventSink& events_;
  std::map<std::string, std::string> told_;  // by path
};

}  // namespace lastword
