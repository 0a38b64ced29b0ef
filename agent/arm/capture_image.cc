#include "agent/arm/capture_image.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <span>

#include "agent/base/text_file.h"
#include "proto/crc32c.h"
#include "proto/record.h"

namespace lastword {
namespace {

struct FreeArchive {
  void operator()(archive* handle) const { archive_free(handle); }
};
struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
using ArchivePtr = std::unique_ptr<archive, FreeArchive>;
using EntryPtr = std::unique_ptr<archive_entry, FreeEntry>;

tl::unexpected<Error> archive_failed(const char* operation, const std::string& path,
                                     archive* handle) {
  const char* text = archive_error_string(handle);
  return fail({.code = Code::kIo,
               .sys_errno = std::max(archive_errno(handle), 0),  // -1: none (ARCHIVE_ERRNO_MISC)
               .operation = operation,
               .disk = path,
               .detail = text != nullptr ? text : ""});
}

la_ssize_t append_to_string(archive*, void* target, const void* data, std::size_t size) {
  static_cast<std::string*>(target)->append(static_cast<const char*>(data), size);
  return static_cast<la_ssize_t>(size);
}

// A file as it is, or what a compressed one holds.
Result<std::string> read_unpacked(const std::string& path) {
  const ArchivePtr reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_filename(reader.get(), path.c_str(), 64 << 10) != ARCHIVE_OK ||
      archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK) {
    return archive_failed("read module", path, reader.get());
  }
  std::string content;
  std::array<char, 64 << 10> buffer;
  for (;;) {
    const la_ssize_t count = archive_read_data(reader.get(), buffer.data(), buffer.size());
    if (count < 0) return archive_failed("unpack module", path, reader.get());
    if (count == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

// A newc archive (Documentation/driver-api/early-userspace/buffer-format.rst) growing in a string.
class CpioWriter {
 public:
  CpioWriter(std::string& target, ImageCompression compression) : writer_(archive_write_new()) {
    archive_write_set_format_cpio_newc(writer_.get());
    // Instead of padding to a tape block of 10 KiB.
    archive_write_set_bytes_in_last_block(writer_.get(), 1);
    int filter = ARCHIVE_OK;
    switch (compression) {
      case ImageCompression::kNone:
        break;
      case ImageCompression::kGzip:
        filter = archive_write_add_filter_gzip(writer_.get());
        if (filter == ARCHIVE_OK)
          archive_write_set_filter_option(writer_.get(), "gzip", "compression-level", "9");
        break;
      case ImageCompression::kZstd:
        filter = archive_write_add_filter_zstd(writer_.get());
        if (filter == ARCHIVE_OK)
          archive_write_set_filter_option(writer_.get(), "zstd", "compression-level", "19");
        break;
    }
    good_ = filter == ARCHIVE_OK && archive_write_open(writer_.get(), &target, nullptr,
                                                       append_to_string, nullptr) == ARCHIVE_OK;
  }

  void add_directory(const char* path) { add(path, AE_IFDIR, 0755, {}); }
  void add_file(const std::string& path, unsigned mode, std::string_view content) {
    add(path, AE_IFREG, mode, content);
  }
  void add_character_device(const char* path, unsigned major, unsigned minor) {
    add(path, AE_IFCHR, 0600, {}, makedev(major, minor));
  }

  Status finish() {
    if (good_ && archive_write_close(writer_.get()) == ARCHIVE_OK) return {};
    return archive_failed("build capture image", "", writer_.get());
  }

 private:
  void add(const std::string& path, unsigned type, unsigned mode, std::string_view content,
           dev_t device = 0) {
    if (!good_) return;
    const EntryPtr entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), path.c_str());
    archive_entry_set_filetype(entry.get(), type);
    archive_entry_set_perm(entry.get(), mode);
    archive_entry_set_nlink(entry.get(), type == AE_IFDIR ? 2 : 1);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
    // Without it every entry is inode 0, which a reader may take for hard links.
    archive_entry_set_ino(entry.get(), ++inode_);
    archive_entry_set_rdev(entry.get(), device);
    good_ = archive_write_header(writer_.get(), entry.get()) == ARCHIVE_OK &&
            archive_write_data(writer_.get(), content.data(), content.size()) ==
                static_cast<la_ssize_t>(content.size());
  }

  ArchivePtr writer_;
  la_int64_t inode_ = 0;
  bool good_ = true;
};

std::string name_in_image(const std::string& module_path) {
  std::string name = std::filesystem::path(module_path).filename().string();
  const std::size_t end = name.rfind(".ko");
  if (end != std::string::npos) name.erase(end + 3);
  return name;
}

}  // namespace

ImageCompression compression_for(std::string_view kernel_config) {
  if (kernel_config.find("CONFIG_RD_ZSTD=y") != std::string_view::npos) {
    return ImageCompression::kZstd;
  }
  if (kernel_config.find("# CONFIG_RD_GZIP is not set") != std::string_view::npos) {
    return ImageCompression::kNone;
  }
  return ImageCompression::kGzip;
}

void set_modules(pb::Plan& plan, const std::vector<KernelModule>& modules) {
  plan.clear_modules();
  plan.clear_module_options();
  for (const KernelModule& module : modules) plan.add_modules(name_in_image(module.path));
  const auto has_options = [](const KernelModule& module) { return !module.options.empty(); };
  if (std::none_of(modules.begin(), modules.end(), has_options)) return;
  for (const KernelModule& module : modules) plan.add_module_options(module.options);
}

Result<CaptureImage> build_capture_image(const pb::Plan& plan, const CaptureImageParts& parts) {
  std::array<std::byte, kBlockBytes> plan_block;
  if (Status status = write_slot(plan_block, RecordKind::kPlan, 1, plan); !status) {
    Error error = status.error();
    error.operation = "write plan";
    error.detail = fmt::format("the plan takes {} bytes, {} fit: name fewer modules",
                               plan.ByteSizeLong(), kRecordMaxPayload);
    return fail(error);
  }
  const auto program = read_text_file(parts.dump_program);
  if (!program) return fail(program.error());
  CaptureImage image;
  image.dump_program_crc32c = crc32c(std::as_bytes(std::span(*program)));
  CpioWriter cpio(image.bytes, parts.compression);
  for (const char* directory : {"dev", "modules", "proc", "sys"}) cpio.add_directory(directory);
  cpio.add_character_device("dev/console", 5, 1);
  cpio.add_file("init", 0755, *program);
  image.unpacked_bytes += program->size();
  cpio.add_file("plan", 0600,
                {reinterpret_cast<const char*>(plan_block.data()), plan_block.size()});
  for (const KernelModule& module : parts.modules) {
    const auto content = read_unpacked(module.path);
    if (!content) return fail(content.error());
    cpio.add_file("modules/" + name_in_image(module.path), 0644, *content);
    image.unpacked_bytes += content->size();
  }
  if (Status status = cpio.finish(); !status) return fail(status.error());
  if (image.bytes.size() > kMaxCaptureImageBytes) {
    return fail(
        {.code = Code::kRefused,
         .operation = "build capture image",
         .detail = fmt::format("{} bytes, at most {} are allowed; lastword-dump takes {} "
                               "unpacked: is it stripped? Are all extra modules needed?",
                               image.bytes.size(), kMaxCaptureImageBytes, program->size())});
  }
  return image;
}

Result<std::uint32_t> file_crc32c(const std::string& path) {
  const auto content = read_text_file(path);
  if (!content) return fail(content.error());
  return crc32c(std::as_bytes(std::span(*content)));
}

}  // namespace lastword
