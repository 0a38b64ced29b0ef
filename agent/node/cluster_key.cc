#include "agent/node/cluster_key.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <memory>
#include <utility>

#include "agent/base/hmac.h"
#include "agent/base/text_file.h"

namespace lastword {
namespace {

static_assert(sizeof(Mac) == sizeof(HmacSha256));

tl::unexpected<Error> unusable(const std::string& path, std::string_view why, int error = 0) {
  return fail({.code = Code::kUsage,
               .sys_errno = error,
               .operation = "read cluster key",
               .disk = path,
               .detail = why});
}

Status check_owner(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) {
    return unusable(path,
                    "`lastword config --new-key` makes it on one node; copy it to the other, or "
                    "leave [[link]] out",
                    errno);
  }
  if (!S_ISREG(about.st_mode)) return unusable(path, "not a file");
  if (about.st_uid != 0 && about.st_uid != ::geteuid()) {
    return unusable(path, "it belongs to another user: chown root");
  }
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return unusable(path,
                    "others than its owner may use it: chmod 600; if somebody could have "
                    "read it, make a new one");
  }
  return {};
}

}  // namespace

Result<ClusterKey> load_cluster_key(const std::string& path) {
  if (Status good = check_owner(path); !good) return fail(good.error());
  auto text = read_text_file(path);
  if (!text) return unusable(path, "", text.error().sys_errno);
  while (!text->empty() && std::isspace(static_cast<unsigned char>(text->back())) != 0) {
    text->pop_back();
  }
  ClusterKey key;
  for (std::size_t i = 0; i + 1 < text->size(); i += 2) {
    unsigned byte = 0;
    const char* const digits = text->data() + i;
    const auto [end, error] = std::from_chars(digits, digits + 2, byte, 16);
    if (error != std::errc() || end != digits + 2) break;
    key.push_back(static_cast<std::byte>(byte));
  }
  if (2 * key.size() != text->size() || key.size() < kLeastKeyBytes || key.size() > kMostKeyBytes) {
    return unusable(path, fmt::format("wanted are {} to {} hexadecimal digits: `lastword config "
                                      "--new-key` makes them, where there is no such file",
                                      2 * kLeastKeyBytes, 2 * kMostKeyBytes));
  }
  return key;
}

Status make_cluster_key(const std::string& path) {
  const auto key = random_key(kLeastKeyBytes);
  if (!key) return fail(key.error());
  std::string text;
  for (const std::byte byte : *key) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code code;
  if (!folder.empty()) std::filesystem::create_directory(folder, code);
  if (code) {
    return fail({.code = Code::kIo,
                 .sys_errno = code.value(),
                 .operation = "create directory",
                 .disk = folder.string()});
  }
  return create_file(path, text + "\n");
}

Seal seal_with(ClusterKey key) {
  const auto shared = std::make_shared<const ClusterKey>(std::move(key));
  return {.make =
              [shared](Bytes text) {
                // The partner drops what could not be authenticated.
                return hmac_sha256(*shared, text).value_or(Mac{});
              },
          .holds =
              [shared](Bytes text, const Mac& mac) {
                const auto wanted = hmac_sha256(*shared, text);
                return wanted && is_same_hmac(*wanted, mac);
              }};
}

}  // namespace lastword
