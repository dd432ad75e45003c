/// Tasks on their way to a worker, and results on their way back, as bytes. Both sides are the same
/// program.
///
/// ```
/// message   chunks, one behind the other
/// chunk     name_length:16 | name | count:32 | of each task:  length:32 | its arguments
/// results   of each task, in order:  kind:8 | length:32 | its result, or what it has thrown
/// thrown    type_length:32 | type | message
/// ```
#pragma once

#include <hawser/actors/detail/task.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

namespace hawser::actors::detail {

template <class T>
void put_at(byte_buffer& out, std::size_t at, T value) {
  std::memcpy(out.data() + at, &value, sizeof value);
}
enum class result_kind : std::uint8_t { value, thrown };

/// Runs the tasks of a message. Calls `report(results, with, busy_ns)` when results have gathered for
/// a moment, and at the end.
void run_chunks(const byte_buffer& message, const references& with,
                const std::function<void(byte_buffer&&, references&&, std::uint64_t)>& report);

}  // namespace hawser::actors::detail
