// What labels said when they could be read, for a survey in which one cannot.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "agent/protocol/disk_view.h"

namespace lastword {

// May be used by several threads at once.
class KnownLabels {
 public:
  // Keeps the labels of this survey, and gives disks whose label it could not read the one from
  // before (DiskView::label_before). A disk that the survey does not list, or that has no label any
  // more, is forgotten; so is one whose path another disk has, as far as description and size tell.
  void follow(Survey& survey);

 private:
  struct Known {
    DiskInfo info;
    pb::Label label;
  };
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // by path
};

}  // namespace lastword
