#include "agent/payload_decoder.h"

#include <fmt/format.h>

namespace lastword {

Result<std::span<const std::byte>> PayloadDecoder::decode(const SectionHeader& header,
                                                          std::span<const std::byte> stored) {
  const auto codec = static_cast<Codec>(header.codec);
  if (codec == Codec::kNone) return stored;
  return fail({.code = Code::kUnsupported,
               .operation = "decode section",
               .detail = fmt::format("compressed with {}; recover it with a newer lastword",
                                     name_of(codec))});
}

}  // namespace lastword
