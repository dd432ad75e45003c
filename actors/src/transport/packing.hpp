/// How values put what goes along with a message into its luggage, and find it there.
#pragma once

#include "loans.hpp"
#include "luggage.hpp"
#include <hawser/actors/shared_bytes.hpp>

#include <cstddef>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace hawser::actors::detail {

/// A loan that several values in this process refer to.
class shared_payload {
 public:
  explicit shared_payload(shm::payload&& loan) : loan_(std::move(loan)) {}
  /// One more reference, to send; an empty one if it is not of that pool, or there is none left.
  shm::payload share_of(loan_pool& pool) {
    const std::scoped_lock hold{mutex_};
    return pool.owns(loan_) ? loan_.share() : shm::payload{};
  }
  std::span<const std::byte> bytes() const noexcept { return loan_.bytes(); }

 private:
  std::mutex mutex_;
  shm::payload loan_;
};

/// While a message is written: where values put what goes along. Serialisers know nothing of it, so
/// it is the thread's.
class packing {
 public:
  packing(loan_pool& pool, luggage& into) : pool_(pool), into_(into) { current = this; }
  packing(const packing&) = delete;
  ~packing() { current = before_; }

  loan_pool& pool() const noexcept { return pool_; }
  luggage& into() const noexcept { return into_; }

  inline static thread_local packing* current = nullptr;

 private:
  packing* const before_ = current;
  loan_pool& pool_;
  luggage& into_;
};

/// While a message is read: what came along.
class unpacking {
 public:
  explicit unpacking(const std::vector<shared_bytes>& from) { current = &from; }
  unpacking(const unpacking&) = delete;
  ~unpacking() { current = before_; }

  inline static thread_local const std::vector<shared_bytes>* current = nullptr;

 private:
  const std::vector<shared_bytes>* const before_ = current;
};

}  // namespace hawser::actors::detail
