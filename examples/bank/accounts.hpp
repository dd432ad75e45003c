/// The accounts, and what may be done to them. Nobody else touches them: there is no lock.
#pragma once

#include "money.hpp"

#include <vector>

namespace bank {

class accounts {
 public:
  explicit accounts(std::vector<money> balances);

  [[nodiscard]] refusal deposit(account_id into, money amount);
  /// Into itself, too: that changes nothing.
  [[nodiscard]] refusal transfer(account_id from, account_id to, money amount);

  std::size_t size() const noexcept { return balances_.size(); }
  /// Of one that there is.
  money balance(account_id of) const { return balances_.at(of); }

  /// Those that are not what they were at the last `saved`.
  const std::vector<account_id>& changed() const noexcept { return changed_; }
  void saved();

 private:
  bool has(account_id one) const noexcept { return one < balances_.size(); }
  void set(account_id one, money balance);

  std::vector<money> balances_;
  std::vector<account_id> changed_;
  std::vector<bool> is_changed_;
};

}  // namespace bank
