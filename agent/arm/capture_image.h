// The capture image: an initramfs that holds lastword-dump as /init, the plan, and the kernel
// modules of the candidates' disks. No shell, no udev, no root file system.
//
//   /init           lastword-dump
//   /plan           one block: the framed Plan record
//   /modules/*.ko   uncompressed; the plan's `modules` gives the load order and its
//                   `module_options` what each is loaded with
//   /dev/console    node 5,1: PID 1 has no other standard output
//   /proc /sys /dev mount points
#pragma once

#include <string>
#include <vector>

#include "agent/arm/module_closure.h"
#include "proto/error.h"
#include "proto/plan.pb.h"

namespace lastword {

// The whole image as the boot loader reads it, compressed.
inline constexpr std::uint64_t kMaxCaptureImageBytes = 4 << 20;

enum class ImageCompression : std::uint8_t { kNone, kGzip, kZstd };

// The best that the kernel can unpack, from the text of its configuration (/boot/config-RELEASE).
// Gzip where that is not known: every distribution's kernel has it.
[[nodiscard]] ImageCompression compression_for(std::string_view kernel_config);

struct CaptureImageParts {
  std::string dump_program;           // path of lastword-dump
  std::vector<KernelModule> modules;  // in load order; .xz, .zst and .gz are unpacked
  ImageCompression compression = ImageCompression::kGzip;
};

struct CaptureImage {
  std::string bytes;
  std::uint64_t unpacked_bytes = 0;  // what the capture kernel holds in memory, beside the image
  std::uint32_t dump_program_crc32c = 0;
};

// Replaces the `modules` and `module_options` of the plan.
void set_modules(pb::Plan& plan, const std::vector<KernelModule>& modules);

// kRefused: the plan does not fit its block, or the image is larger than kMaxCaptureImageBytes.
// kNotFound: there is no dump program. kIo: it or a module cannot be read, a module cannot be
// unpacked, or the image cannot be compressed.
[[nodiscard]] Result<CaptureImage> build_capture_image(const pb::Plan& plan,
                                                       const CaptureImageParts& parts);

// The CRC of a file, to tell later whether lastword-dump was replaced since it went into an image.
// kNotFound: no such file. kIo: it cannot be read.
[[nodiscard]] Result<std::uint32_t> file_crc32c(const std::string& path);

}  // namespace lastword
