/// Accounts and journal: requests are done at once, many are committed together.
#pragma once

#include "accounts.hpp"
#include "journal.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace bank {

/// Which request: of the teller `teller`, who has the answers of all before `low`.
struct request_id {
  std::uint64_t teller = 0, number = 0, low = 0;
};

/// A request is done once, however often it comes. Nothing of what is not committed is to be told.
///
/// Threads    One.
/// Crash      What was committed is there, of each request all or nothing.
class ledger {
 public:
  /// Errors     journal_error.
  explicit ledger(const std::string& path);

  [[nodiscard]] refusal deposit(const request_id& which, account_id into, money amount);
  [[nodiscard]] refusal transfer(const request_id& which, account_id from, account_id to,
                                 money amount);
  /// Errors     journal_error: nothing of what was done since the last commit is durable; this ledger
  ///            is to be thrown away.
  void commit();

  const accounts& all() const noexcept { return accounts_; }
  std::uint64_t applied() const noexcept { return applied_; }
  /// Where a teller that was killed goes on.
  std::uint64_t low_of(std::uint64_t teller) const;

 private:
  template <class Change>
  refusal once(const request_id& which, Change change);

  journal journal_;
  accounts accounts_;
  std::map<std::uint64_t, window> tellers_;
  std::map<std::uint64_t, const window*> changed_;
  std::uint64_t applied_ = 0;
};

}  // namespace bank
