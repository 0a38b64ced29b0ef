// The node machine as text for docs/protocol.md, from the table that nodes go by.
#pragma once

#include <string>
#include <string_view>

#include "proto/error.h"

namespace lastword::test {

// States, diagram, events and transitions, in Markdown.
[[nodiscard]] std::string node_document();
// `page` with node_document() between its two markers. kCorrupt: they are not both there, once
// each, in their order.
[[nodiscard]] Result<std::string> with_node_document(std::string_view page);

}  // namespace lastword::test
