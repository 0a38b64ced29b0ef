// The real file system, with a limit of space, and with a step from which on it does nothing any
// more, as if the process had been killed.
#pragma once

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/file_system.h"

namespace lastword::fake {

class FaultyFileSystem : public FileSystem {
 public:
  static constexpr unsigned kNever = ~0U;
  std::uint64_t space = ~std::uint64_t{0};
  std::uint64_t reported_space = ~std::uint64_t{0};
  unsigned killed_at = kNever;
  unsigned sync_fails_at = kNever;
  unsigned steps = 0;
  std::vector<std::string> log;  // what was done, by the last part of the path

  Result<std::unique_ptr<ClaimedDirectory>> claim_directory(const std::string& path) override {
    if (Status status = step("claim", path); !status) return fail(status.error());
    return real_file_system().claim_directory(path);
  }
  Result<std::unique_ptr<OutputFile>> create(const std::string& path) override {
    if (Status status = step("create", path); !status) return fail(status.error());
    auto file = real_file_system().create(path);
    if (!file) return fail(file.error());
    return std::make_unique<File>(*this, std::move(*file), path);
  }
  Status sync_directory(const std::string& path) override {
    if (Status status = step("sync", path); !status) return status;
    return real_file_system().sync_directory(path);
  }
  Status rename(const std::string& from, const std::string& to) override {
    if (Status status = step("rename to", to); !status) return status;
    return real_file_system().rename(from, to);
  }
  Status empty_directory(const std::string& path) override {
    if (Status status = step("empty", path); !status) return status;
    return real_file_system().empty_directory(path);
  }
  Status remove_tree(const std::string& path) override {
    if (Status status = step("remove", path); !status) return status;
    return real_file_system().remove_tree(path);
  }
  Result<std::uint64_t> free_bytes(const std::string&) override { return reported_space; }

 private:
  class File : public OutputFile {
   public:
    File(FaultyFileSystem& files, std::unique_ptr<OutputFile> file, std::string path)
        : files_(files), file_(std::move(file)), path_(std::move(path)) {}
    Status write(std::uint64_t offset, std::span<const std::byte> data) override {
      if (Status status = files_.step("write", path_); !status) return status;
      if (data.size() > files_.space) {
        return fail(
            {.code = Code::kNoSpace, .sys_errno = ENOSPC, .operation = "write", .disk = "vmcore"});
      }
      files_.space -= data.size();
      return file_->write(offset, data);
    }
    Status set_size(std::uint64_t bytes) override {
      if (Status status = files_.step("set size", path_); !status) return status;
      return file_->set_size(bytes);
    }
    Status sync() override {
      if (Status status = files_.step("sync", path_); !status) return status;
      if (files_.syncs_++ == files_.sync_fails_at) {
        return fail({.code = Code::kIo, .sys_errno = EIO, .operation = "fsync", .disk = "file"});
      }
      return file_->sync();
    }

   private:
    FaultyFileSystem& files_;
    std::unique_ptr<OutputFile> file_;
    std::string path_;
  };

  Status step(std::string_view what, const std::string& path) {
    if (steps++ < killed_at) {
      log.push_back(std::string(what) + " " + std::filesystem::path(path).filename().string());
      return {};
    }
    return fail({.code = Code::kIo, .operation = "killed", .disk = "process"});
  }
  unsigned syncs_ = 0;
};

}  // namespace lastword::fake
