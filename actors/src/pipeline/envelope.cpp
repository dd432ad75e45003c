#include "envelope.hpp"

#include "../pool/chunk_code.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace hawser::actors::detail {
namespace {

[[noreturn]] void refuse() { throw std::runtime_error("a message of a pipeline is damaged"); }

void put_bytes(byte_buffer& out, const char* data, std::size_t size) {
  put(out, static_cast<std::uint32_t>(size));
  out.insert(out.end(), data, data + size);
}
byte_source take_bytes(byte_source& from) {
  std::uint32_t size = 0;
  if (!take(from, size) || from.size < size) refuse();
  const byte_source bytes{from.data, size};
  from.skip(size);
  return bytes;
}
std::string take_text(byte_source& from) {
  const byte_source bytes = take_bytes(from);
  return {bytes.data, bytes.size};
}

}  // namespace

message_reader read_message(const char* data, std::size_t size) {
  message_reader read;
  read.rest = {data, size};
  if (!take(read.rest, read.number) || !take(read.rest, read.kind)) refuse();
  return read;
}

void begin_message(byte_buffer& out, std::uint64_t number, message_kind kind) {
  out.clear();
  put(out, number);
  put(out, kind);
}

void set_number(byte_buffer& message, std::uint64_t number) { put_at(message, 0, number); }

void write_dead_letter(byte_buffer& out, std::uint64_t number, message_kind kind,
                       const dead_letter& dead, std::size_t bytes_max) {
  begin_message(out, number, kind);
  put(out, dead.stage);
  const bool fits = dead.letter.size <= bytes_max - dead_letter_bytes;
  put_bytes(out, dead.letter.data, fits ? dead.letter.size : 0);
  if (kind == message_kind::lost) return put(out, dead.attempts);
  constexpr std::size_t type_max = 512, message_max = 3072;
  static_assert(type_max + message_max + 64 < dead_letter_bytes);
  put_bytes(out, dead.thrown.type.data(), std::min(dead.thrown.type.size(), type_max));
  put_bytes(out, dead.thrown.message.data(), std::min(dead.thrown.message.size(), message_max));
}

dead_letter read_dead_letter(const message_reader& message) {
  dead_letter dead;
  byte_source from = message.rest;
  if (!take(from, dead.stage)) refuse();
  dead.letter = take_bytes(from);
  if (message.kind == message_kind::lost) {
    if (!take(from, dead.attempts)) refuse();
    return dead;
  }
  dead.thrown.type = take_text(from);
  dead.thrown.message = take_text(from);
  return dead;
}

}  // namespace hawser::actors::detail
