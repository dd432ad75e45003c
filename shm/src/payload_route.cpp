#include "channel_reader.hpp"
#include <hawser/shm/codec.hpp>
#include <hawser/shm/detail/payload_route.hpp>
#include <hawser/shm/detail/read_once.hpp>
#include <hawser/shm/error.hpp>
#include <hawser/shm/received_payload.hpp>

#include <cstring>
#include <utility>

namespace hawser::shm::detail {

payload_route::payload_route(std::shared_ptr<pool_core> pool, const meta_layout& meta)
    : pool_(std::move(pool)),
      meta_(meta),
      type_name_("payloads of pool \"" + pool_->name() + "\" (" + std::to_string(pool_->stamp()) +
                 ") with " + readable_type(meta.type_name)) {
  pool_->own_tag();  // errors now, not inside an operation
}

payload_route::~payload_route() {
  if (route_ != 0) pool_->close_route(route_);
}

void check_pool(const pool_core* its, const pool_core& channels, std::string_view operation,
                const std::string& name) {
  if (its == &channels) return;
  throw make_error(errc::bad_argument, operation, name,
                   its != nullptr ? "the payload is of another pool; send it where that one goes"
                                  : "the payload is empty; loan one");
}

std::uint64_t payload_route::type_fingerprint() const noexcept {
  return fnv1a("payload." + std::to_string(pool_->stamp()), meta_.fingerprint);
}

void payload_route::refuse_parents(std::string_view operation, const std::string& name) {
  throw make_error(errc::bad_argument, operation, name,
                   "the payload was lent to the process that forked this one; loan it here");
}

void payload_route::write(std::byte* message, const held_payload& held,
                          const void* meta) const noexcept {
  const payload_message head{payload_handle::make(held.reference, held.generation).bits,
                             held.bytes | (held.shared ? payload_message::shared_bit : 0)};
  std::memcpy(message, &head, sizeof head);
  if (meta_.bytes != 0) std::memcpy(message + meta_.offset(), meta, meta_.bytes);
}

void payload_route::read_meta(const std::byte* message, void* meta) const noexcept {
  if (meta_.bytes != 0) std::memcpy(meta, message + meta_.offset(), meta_.bytes);
}

std::optional<held_payload> payload_route::find(const std::byte* message) const noexcept {
  const auto& there = *reinterpret_cast<const payload_message*>(message);
  const payload_message head{read_once(there.handle), read_once(there.size)};
  return pool_->find(head, route_);
}

bool payload_route::locate(held_payload& owned) const {
  try {
    if (pool_->locate(owned)) return true;
  } catch (...) {
    pool_->release(owned);
    throw;
  }
  pool_->release(owned);  // damaged
  return false;
}

}  // namespace hawser::shm::detail
