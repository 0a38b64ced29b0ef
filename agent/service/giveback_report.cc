#include "agent/service/giveback_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "proto/record_names.h"

namespace lastword {
namespace {

std::string_view outcome_of(Whereabouts where) {
  switch (where) {
    case Whereabouts::kHere:
      return "kept";
    case Whereabouts::kPromised:
      return "promised";
    case Whereabouts::kOnItsWay:
      return "on its way";
    case Whereabouts::kReturned:
      return "returned";
    case Whereabouts::kAstray:
      return "astray";
  }
  return "?";
}

std::string_view forecast_of(Whereabouts where, pb::Role role) {
  switch (where) {
    case Whereabouts::kReturned:
      return "returned already";
    case Whereabouts::kOnItsWay:
      return "on its way already";
    case Whereabouts::kAstray:
      return "not at all";
    case Whereabouts::kHere:
    case Whereabouts::kPromised:
      break;
  }
  return role == pb::SERVICE ? "with the service" : "first";
}

}  // namespace

std::vector<GivebackReport::Disk> giveback_rows(const Survey& survey, const Config& config,
                                                ReservationKey own, std::uint32_t life) {
  std::vector<GivebackReport::Disk> rows;
  for (const std::size_t index : disks_of_partner(survey, config)) {
    const DiskView& disk = survey.disks[index];
    const Whereabouts where = whereabouts(disk, config, own, life);
    rows.push_back({.path = disk.info.path,
                    .uuid = disk.label->disk_uuid(),
                    .role = disk.label->role(),
                    .outcome = std::string(outcome_of(where)),
                    .detail = std::string(name_of(disk.header.attribute()))});
  }
  return rows;
}

std::vector<GivebackReport::Objection> objections(const Survey& survey,
                                                  const std::vector<Veto>& vetoes) {
  std::vector<GivebackReport::Objection> list;
  for (const Veto& veto : vetoes) {
    list.push_back({.disk = veto.disk ? survey.disks[*veto.disk].info.path : "",
                    .reason = veto.reason,
                    .remedy = veto.remedy,
                    .flag = veto.kind == Veto::Kind::kUnsavedDump ? "--leave-dump" : ""});
  }
  return list;
}

GivebackReport forecast_giveback(const Survey& survey, const Config& config, ReservationKey own,
                                 const GivebackPlan& plan) {
  GivebackReport report{.vetoes = objections(survey, plan.vetoes), .complete = plan.vetoes.empty()};
  for (const std::size_t index : disks_of_partner(survey, config)) {
    const DiskView& disk = survey.disks[index];
    const Whereabouts where = whereabouts(disk, config, own, plan.life);
    report.disks.push_back({.path = disk.info.path,
                            .uuid = disk.label->disk_uuid(),
                            .role = disk.label->role(),
                            .outcome = std::string(forecast_of(where, disk.label->role())),
                            .detail = std::string(name_of(disk.header.attribute()))});
  }
  return report;
}

}  // namespace lastword
