/// What lies in the queues of a pipeline. All its processes are the same program.
///
/// ```
/// message      number:64 | kind:8 | rest           the number is its input's
///   value      what the next stage is given; behind the last one, the result
/// only among the results:
///   thrown     letter | type_length:32 | type | message_length:32 | message
///   lost       letter | attempts:32
///   letter     stage:32 | length:32 | what the stage was given, or nothing if it is too long
/// ```
#pragma once

#include <hawser/actors/detail/arguments.hpp>
#include <hawser/actors/exit_status.hpp>
#include <hawser/shm/queue.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hawser::actors::detail {

using message_queue = shm::queue<std::vector<char>>;

enum class message_kind : std::uint8_t { value, thrown, lost };
constexpr std::size_t message_head = sizeof(std::uint64_t) + sizeof(message_kind);
/// Room for what describes a dead letter: a queue of results has as much beside what a result may have.
constexpr std::size_t dead_letter_bytes = 4096;

struct message_reader {
  std::uint64_t number = 0;
  message_kind kind = message_kind::value;
  byte_source rest{};
};
/// Errors     std::runtime_error: it is shorter than a head.
message_reader read_message(const char* data, std::size_t size);

/// An empty message.
void begin_message(byte_buffer& out, std::uint64_t number, message_kind kind);
void set_number(byte_buffer& message, std::uint64_t number);

struct dead_letter {
  std::uint32_t stage = 0;
  byte_source letter{};
  escaped_exception thrown{};  // of `thrown`
  unsigned attempts = 0;       // of `lost`
};
/// At most `bytes_max` long: what does not fit is left out.
void write_dead_letter(byte_buffer& out, std::uint64_t number, message_kind kind,
                       const dead_letter& dead, std::size_t bytes_max);
dead_letter read_dead_letter(const message_reader& from);

}  // namespace hawser::actors::detail
