/// Bytes in a message that are not copied, however many they are and in whatever process its receiver
/// lives.
///
/// ```cpp
/// shm::payload frame = host.loan(64 << 20);
/// camera.read_into(frame.writable());
/// self->send(viewer, frame_atom_v, shared_bytes{std::move(frame)});
/// ```
#pragma once

#include <hawser/actors/caf_compat.hpp>
#include <hawser/shm/payload_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace hawser::actors {

namespace detail {
class shared_payload;
}

/// Bytes that do not change any more. Copies are the same bytes: they are held until the last of
/// them, in any process, is gone.
///
/// To an actor of another process of the group a loan of the group's pool (`transport_host::loan`)
/// goes by reference; other bytes, also those that go anywhere else, are copied.
///
/// Threads    As a shared_ptr.
/// Crash      What a killed process held, or had not sent yet, is given back; what it had sent is
///            delivered.
class shared_bytes {
 public:
  /// No bytes.
  shared_bytes() = default;
  /// Takes a loan over: nobody writes to it any more.
  explicit shared_bytes(shm::payload&& loan);
  explicit shared_bytes(std::vector<std::byte> bytes);

  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }
  /// Whether they are in shared memory.
  bool is_lent() const noexcept { return lent_ != nullptr; }

  friend bool operator==(const shared_bytes& a, const shared_bytes& b) noexcept;
  friend std::string to_string(const shared_bytes& x);

  // Errors     `peer_error::not_decodable`: what was lent is gone.
  friend caf::error inspect(detail::value_sink& sink, shared_bytes& x);
  friend caf::error inspect(detail::value_source& source, shared_bytes& x);
  HAWSER_INSPECT_BY_HAND(shared_bytes);

 private:
  std::shared_ptr<detail::shared_payload> lent_;
  std::shared_ptr<const std::vector<std::byte>> own_;
  std::span<const std::byte> bytes_;
};

}  // namespace hawser::actors

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_bytes, 2031)
  CAF_ADD_TYPE_ID(hawser_bytes, (hawser::actors::shared_bytes))
  CAF_ADD_TYPE_ID(hawser_bytes, (std::vector<hawser::actors::shared_bytes>))
CAF_END_TYPE_ID_BLOCK(hawser_bytes)
// clang-format on
HAWSER_REGISTER(hawser_bytes);
