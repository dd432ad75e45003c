/// What tellers say to the bank.
#pragma once

#include "ledger.hpp"
#include <hawser/actors/transport.hpp>

#include <caf/atom.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <string>

namespace bank {

using deposit_atom = caf::atom_constant<caf::atom("deposit")>;
using transfer_atom = caf::atom_constant<caf::atom("transfer")>;
using balance_atom = caf::atom_constant<caf::atom("balance")>;
using commit_atom = caf::atom_constant<caf::atom("commit")>;
using resume_atom = caf::atom_constant<caf::atom("resume")>;

/// All but `balance` and `resume` are answered when they are durable.
using bank_actor = caf::typed_actor<
    caf::replies_to<deposit_atom, request_id, account_id, money>::with<money>,  // is in the account
    caf::replies_to<transfer_atom, request_id, account_id, account_id, money>::with<money>,
    caf::replies_to<balance_atom, account_id>::with<money>,
    caf::replies_to<resume_atom, std::uint64_t>::with<std::uint64_t>,  // a teller: its `low`
    caf::reacts_to<commit_atom>>;                                      // of itself

template <class Inspector>
auto inspect(Inspector& f, request_id& x) {
  HAWSER_INSPECT(f, "bank::request_id", x.teller, x.number, x.low);
}

caf::error make_error(bank_error why);

struct config : hawser::actors::config {
  explicit config(const std::string& group);
};

/// The name that the bank is published by.
inline constexpr const char* name = "bank";

}  // namespace bank
