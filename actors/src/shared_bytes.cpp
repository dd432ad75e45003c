#include "transport/packing.hpp"
#include <hawser/actors/detail/references.hpp>
#include <hawser/actors/peer_error.hpp>
#include <hawser/actors/shared_array.hpp>
#include <hawser/actors/shared_bytes.hpp>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

#include <unistd.h>

namespace hawser::actors {
namespace {

thread_local detail::references* written_to = nullptr;

/// The number of the reference that goes along in place of the bytes; 0: none.
std::uint32_t pack(const shared_bytes& x, const std::shared_ptr<detail::shared_payload>& lent) {
  if (written_to != nullptr && lent) {
    written_to->bytes.push_back(x);
    return static_cast<std::uint32_t>(written_to->bytes.size());
  }
  const detail::packing* const now = detail::packing::current;
  // What waits in the pipe of loans for its frame has to find room there.
  constexpr std::size_t loans_max = 32;
  if (now == nullptr || !lent || now->into().loans.size() >= loans_max) return 0;
  shm::payload reference = lent->share_of(now->pool());
  if (!reference) return 0;
  now->into().loans.push_back(std::move(reference));
  return static_cast<std::uint32_t>(now->into().loans.size());
}

}  // namespace

shared_bytes::shared_bytes(shm::payload&& loan) {
  if (!loan) return;
  lent_ = std::make_shared<detail::shared_payload>(std::move(loan));
  bytes_ = lent_->bytes();
}

shared_bytes::shared_bytes(std::vector<std::byte> bytes)
    : own_(std::make_shared<const std::vector<std::byte>>(std::move(bytes))), bytes_(*own_) {}

bool operator==(const shared_bytes& a, const shared_bytes& b) noexcept {
  return std::equal(a.bytes_.begin(), a.bytes_.end(), b.bytes_.begin(), b.bytes_.end());
}

std::string to_string(const shared_bytes& x) {
  return "shared_bytes(" + std::to_string(x.size()) + ")";
}

caf::error inspect(detail::value_sink& sink, shared_bytes& x) {
  std::uint32_t place = pack(x, x.lent_);
  if (caf::error reason = sink(place)) return reason;
  if (place != 0) return caf::none;
  std::uint64_t size = x.size();
  if (caf::error reason = sink(size)) return reason;
  // CAF writes from memory that it would be free to write to.
  return sink.apply_raw(x.size(), const_cast<std::byte*>(x.bytes_.data()));
}

caf::error inspect(detail::value_source& source, shared_bytes& x) {
  std::uint32_t place = 0;
  x = {};
  if (caf::error reason = source(place)) return reason;
  if (place != 0) {
    const auto* const all = detail::unpacking::current;
    if (all == nullptr || place > all->size())
      return make_error(peer_error::not_decodable, "what was lent with the message is not there");
    x = (*all)[place - 1];
    return caf::none;
  }
  std::uint64_t size = 0;
  if (caf::error reason = source(size)) return reason;
  // It may say anything: memory is taken as bytes come.
  std::vector<std::byte> bytes;
  constexpr std::uint64_t step = 1 << 24;
  while (bytes.size() < size) {
    const std::size_t had = bytes.size(), some = std::min(step, size - had);
    bytes.resize(had + some);
    if (caf::error reason = source.apply_raw(some, bytes.data() + had)) return reason;
  }
  x = shared_bytes{std::move(bytes)};
  return caf::none;
}

namespace detail {

std::string name_for_others(const std::string& name, bool is_file) {
  if (is_file) return std::filesystem::absolute(name).string();
  return name.starts_with('~') ? name : "~" + std::to_string(geteuid()) + "/" + name;
}

caf::error inspect(value_sink& to, references& x) {
  for (const auto& one : x.kept) keep_until_read(one);
  return to(x.bytes);
}

caf::error inspect(value_source& from, references& x) { return from(x.bytes); }

writing_references::writing_references(references& into) noexcept
    : before_(std::exchange(written_to, &into)) {}
writing_references::~writing_references() { written_to = before_; }

reading_references::reading_references(const references& from) noexcept
    : before_(std::exchange(unpacking::current, &from.bytes)) {}
reading_references::~reading_references() { unpacking::current = before_; }

bool keep_until_read(std::shared_ptr<const void> kept) {
  if (written_to != nullptr) return written_to->kept.push_back(std::move(kept)), true;
  if (packing::current == nullptr) return false;
  packing::current->into().kept.push_back(std::move(kept));
  return true;
}

caf::error array_stays_here(const std::string& name) {
  return make_error(peer_error::not_encodable,
                    "array \"" + name + "\" can be shared with processes of this host only");
}

caf::error cannot_open_array(const error& reason) {
  return make_error(peer_error::not_decodable, reason.what());
}

}  // namespace detail
}  // namespace hawser::actors
