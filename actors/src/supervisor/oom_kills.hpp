/// Whether the kernel kills processes because memory has run out.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hawser::actors::detail {

/// The number behind `key` in lines `key number`.
std::optional<std::uint64_t> counter_in(std::string_view text, std::string_view key);

/// How often it has done so: in our control group, which our children share, where that counts
/// (memory.events); else on this machine (/proc/vmstat). Nothing: nobody says.
std::optional<std::uint64_t> oom_kills();

}  // namespace hawser::actors::detail
