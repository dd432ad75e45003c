#include "accounts.hpp"

#include <utility>

namespace bank {

std::string to_string(bank_error why) {
  switch (why) {
    case bank_error::insufficient_funds: return "there is not so much in the account";
    case bank_error::unknown_account: return "there is no such account";
    case bank_error::negative_amount: return "an amount is at least 1";
    case bank_error::overflow: return "the account cannot hold so much";
    case bank_error::too_far_ahead:
      return "too many requests of this teller are not answered; wait for the first of them";
    case bank_error::journal_failed: return "the journal cannot be written";
  }
  return "unknown bank error";
}

accounts::accounts(std::vector<money> balances)
    : balances_(std::move(balances)), is_changed_(balances_.size()) {}

refusal accounts::deposit(account_id into, money amount) {
  if (!has(into)) return bank_error::unknown_account;
  if (amount <= 0) return bank_error::negative_amount;
  money after = 0;
  if (__builtin_add_overflow(balances_[into], amount, &after)) return bank_error::overflow;
  set(into, after);
  return {};
}

refusal accounts::transfer(account_id from, account_id to, money amount) {
  if (!has(from) || !has(to)) return bank_error::unknown_account;
  if (amount <= 0) return bank_error::negative_amount;
  if (balances_[from] < amount) return bank_error::insufficient_funds;
  if (from == to) return {};
  money after = 0;
  if (__builtin_add_overflow(balances_[to], amount, &after)) return bank_error::overflow;
  set(to, after);
  set(from, balances_[from] - amount);
  return {};
}

void accounts::set(account_id one, money balance) {
  balances_[one] = balance;
  if (is_changed_[one]) return;
  is_changed_[one] = true;
  changed_.push_back(one);
}

void accounts::saved() {
  for (const account_id one : changed_) is_changed_[one] = false;
  changed_.clear();
}

}  // namespace bank
