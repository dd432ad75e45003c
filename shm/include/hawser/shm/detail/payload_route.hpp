/// What all channels that carry payloads of a pool have in common: their messages, and the way of a
/// payload into one and out of it. pool_layout.hpp says what each step means.
#pragma once

#include <hawser/shm/detail/pool_core.hpp>
#include <hawser/shm/status.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hawser::shm::detail {

/// What the user's data of a message are.
struct meta_layout {
  std::size_t bytes = 0;
  std::size_t alignment = 1;
  std::uint64_t fingerprint = 0;
  const char* type_name = "nothing";

  std::size_t offset() const noexcept {
    return (sizeof(payload_message) + alignment - 1) / alignment * alignment;
  }
  std::size_t message_bytes() const noexcept {
    return bytes == 0 ? sizeof(payload_message) : offset() + bytes;
  }
};

class payload_route {
 public:
  payload_route(std::shared_ptr<pool_core> pool, const meta_layout& meta);
  payload_route(const payload_route&) = delete;
  payload_route& operator=(const payload_route&) = delete;
  /// After its channel was left.
  ~payload_route();

  /// For the request of the channel: of this very pool, since the handles in its messages mean
  /// nothing in another one.
  std::uint64_t type_fingerprint() const noexcept;
  const std::string& type_name() const noexcept { return type_name_; }
  void open(attachment& channel) { route_ = pool_->open_route(channel); }

  /// Sends what is held by `push`, which is to return its status; it is held still unless that is
  /// `ok`. Errors `bad_argument`: it is a parent's; those of `push`.
  template <class Push>
  push_status send(const held_payload& held, std::string_view operation, const std::string& name,
                   Push push) {
    if (held.tag != pool_->own_tag()) refuse_parents(operation, name);
    HAWSER_MUTATE(send_not_marked, pool_->begin_send(held, route_), void());
    push_status status;
    try {
      status = push();
    } catch (...) {
      pool_->abort_send(held);
      throw;
    }
    if (status != push_status::ok) pool_->abort_send(held);
    HAWSER_MUTATE(send_not_marked, void(), pool_->begin_send(held, route_));
    return status;
  }

  /// The message with what is held, and the user's data.
  void write(std::byte* message, const held_payload& held, const void* meta) const noexcept;
  void read_meta(const std::byte* message, void* meta) const noexcept;
  /// What a message carries; nothing if it is not, or no longer, on this route.
  std::optional<held_payload> find(const std::byte* message) const noexcept;
  bool claim(held_payload& found) const noexcept { return pool_->claim(found, route_); }
  bool take_over(held_payload& found) const noexcept { return pool_->take_over(found, route_); }
  /// Where what we own is. False: it is damaged, and released. Errors of `pool_core::locate`.
  bool locate(held_payload& owned) const;

  pool_core& pool() const noexcept { return *pool_; }
  const std::shared_ptr<pool_core>& shared_pool() const noexcept { return pool_; }
  const meta_layout& meta() const noexcept { return meta_; }

 private:
  [[noreturn]] static void refuse_parents(std::string_view operation, const std::string& name);

  std::shared_ptr<pool_core> pool_;
  meta_layout meta_;
  std::string type_name_;
  std::uint32_t route_ = 0;
};

}  // namespace hawser::shm::detail
