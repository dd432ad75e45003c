#include "loans.hpp"

#include <hawser/shm/error.hpp>

#include <algorithm>

namespace hawser::actors::detail {
namespace {

/// At a time, in the whole group.
constexpr std::size_t references_max = 1024;
/// Memory that stays, for the content of messages of about a MiB: what is taken from the system for each
/// message, and given back, costs more than writing it does.
constexpr shm::payload_class kept{(std::size_t{1} << 20) + (std::size_t{64} << 10), 8};
/// Of any size, beside those.
constexpr std::size_t large_max = 64;
/// Of their memory, what stays.
constexpr std::size_t large_kept_bytes = std::size_t{64} << 20;

shm::payload resized(shm::payload lent, std::size_t bytes) {
  if (lent) lent.resize(bytes);
  return lent;
}

}  // namespace

shm::payload_pool& loan_pool::open() {
  const std::scoped_lock hold{mutex_};
  if (!pool_)
    pool_.emplace(open_or_create, name_,
                  shm::payload_pool_options{.classes = {kept},
                                            .large = large_max,
                                            .large_kept_bytes = large_kept_bytes,
                                            .references = references_max,
                                            .mode = mode_});
  return *pool_;
}

shm::payload loan_pool::try_loan(std::size_t bytes) noexcept try {
  constexpr std::chrono::seconds pause{1};
  const auto now = std::chrono::steady_clock::now();
  {
    const std::scoped_lock hold{mutex_};
    if (!pool_ && now < failed_ + pause) return {};
    failed_ = now;  // until it is open
  }
  return lend(bytes);
} catch (const std::exception&) {
  return {};
}

shm::payload loan_pool::lend(std::size_t bytes) {
  shm::payload_pool& pool = open();
  auto lent = pool.try_loan(bytes);
  if (!lent && bytes <= kept.bytes) lent = pool.try_loan(kept.bytes + 1);
  return resized(std::move(lent).value_or(shm::payload{}), bytes);
}

shm::payload loan_pool::loan(std::size_t bytes) {
  if (auto lent = lend(bytes)) return lent;
  return resized(open().loan(std::max(bytes, kept.bytes + 1)), bytes);
}

bool loan_pool::owns(const shm::payload& loan) {
  const std::scoped_lock hold{mutex_};
  return pool_ && pool_->owns(loan);
}

}  // namespace hawser::actors::detail
