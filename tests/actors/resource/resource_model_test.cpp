// The table beside a naive one that counts resources by name and looks at everything each time.

#include "table_support.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace hawser::actors::detail {
namespace {

using table = resource_table;
using kind = table::step_kind;
using ms = std::chrono::milliseconds;

constexpr std::size_t any = 99;

/// Three holders, each of them of three parties; the first one gives back while it waits.
std::uint64_t holder(std::uint64_t party) { return 1 + party / 3; }

/// The rules as plainly as can be.
struct naive {
  struct request {
    std::uint64_t who, ticket;
    std::size_t name, count;
    table::time until;
  };
  struct lease {
    std::uint64_t who, ticket;
    std::vector<std::size_t> counts;
    table::time until;
  };
  std::vector<std::size_t> free,
      aside;  // by name; aside: will be free when somebody has seen to it
  std::vector<request> line;
  std::vector<lease> leases;
  std::size_t granted = 0, returned = 0, reclaimed = 0, revoked = 0;

  bool matches(const request& one, std::size_t name) const {
    return one.name == any || one.name == name;
  }
  /// Nothing, if it cannot have all of it.
  std::vector<std::size_t> share(std::size_t place) const {
    const request& wants = line[place];
    std::vector<std::size_t> got(free.size());
    std::size_t missing = wants.count;
    for (std::size_t name = 0; name < free.size(); ++name) {
      bool reserved = false;
      for (std::size_t i = 0; i < place; ++i) reserved |= matches(line[i], name);
      if (reserved || !matches(wants, name)) continue;
      got[name] = std::min(missing, free[name]);
      missing -= got[name];
    }
    return missing == 0 ? got : std::vector<std::size_t>{};
  }
  void serve(table::time lease_until) {
    for (std::size_t place = 0; place < line.size();) {
      const auto got = share(place);
      if (got.empty()) {
        ++place;
        continue;
      }
      for (std::size_t name = 0; name < free.size(); ++name) free[name] -= got[name];
      granted += line[place].count;
      leases.push_back({line[place].who, line[place].ticket, got, lease_until});
      line.erase(line.begin() + static_cast<std::ptrdiff_t>(place));
    }
  }
  bool waits(std::uint64_t who) const {
    return who % 3 != 0 &&
           std::any_of(line.begin(), line.end(), [&](const auto& one) { return one.who == who; });
  }
  /// Whether all are served if all give back what they have as soon as they have all they want.
  bool safe() const {
    naive later = *this;
    for (std::size_t name = 0; name < free.size(); ++name) later.free[name] += later.aside[name];
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = later.leases.size(); i-- > 0;) {
        if (later.waits(later.leases[i].who)) continue;
        later.end(i, false);
        changed = true;
      }
      const std::size_t waited = later.line.size();
      later.serve(table::time::max());
      changed |= later.line.size() != waited;
    }
    return later.line.empty();
  }
  std::size_t count_of(const lease& one) const {
    std::size_t all = 0;
    for (const auto count : one.counts) all += count;
    return all;
  }
  void end(std::size_t which, bool to_aside) {
    for (std::size_t name = 0; name < free.size(); ++name)
      (to_aside ? aside : free)[name] += leases[which].counts[name];
    leases.erase(leases.begin() + static_cast<std::ptrdiff_t>(which));
  }
};

struct comparison {
  explicit comparison(unsigned seed) : random(seed) {}
  using tickets = std::set<std::uint64_t>;

  /// The naive one follows whom the table has refused as deadlocked, if somebody had to be.
  void compare() {
    t->take_steps(steps);
    tickets got, given, deadlocked;
    for (const auto& one : steps) {
      if (one.what == kind::granted) {
        got.insert(one.ticket);
        tokens[one.ticket] = one.token;
      }
      if (one.what == kind::refused && one.why == table::refusal::deadlock) {
        deadlocked.insert(one.ticket);
        EXPECT_NE(one.text, "");
      }
      if (one.what == kind::check) checking.push_back(one.resources[0]);
      if (one.what == kind::make) making.push_back(one.resources[0]);
    }
    const std::size_t before = model.leases.size();
    const auto until = lease_max.count() > 0 ? now + lease_max : table::time::max();
    model.serve(until);
    ASSERT_FALSE(model.safe() && !deadlocked.empty());
    for (const auto& one : steps) {
      if (one.what != kind::refused || one.why != table::refusal::deadlock) continue;
      ASSERT_FALSE(model.safe()) << "nobody else had to be refused";
      std::erase_if(model.line, [&](const auto& r) { return r.ticket == one.ticket; });
      model.serve(until);
    }
    ASSERT_TRUE(model.safe());
    for (std::size_t i = before; i < model.leases.size(); ++i) given.insert(model.leases[i].ticket);
    ASSERT_EQ(got, given);
    deadlocks += deadlocked.size();
    tickets waits, waits_there;
    for (const auto& [number, one] : t->line()) waits.insert(one.ticket);
    for (const auto& one : model.line) waits_there.insert(one.ticket);
    ASSERT_EQ(waits, waits_there);
    const auto& counts = t->counts();
    ASSERT_EQ(counts.granted, model.granted);
    ASSERT_EQ(counts.returned, model.returned);
    ASSERT_EQ(counts.reclaimed, model.reclaimed);
    ASSERT_EQ(counts.revoked, model.revoked);
    ASSERT_EQ(counts.granted, counts.returned + counts.reclaimed + counts.revoked + counts.held);
    ASSERT_TRUE(t->stuck().empty());
  }

  std::size_t below(std::size_t n) { return random() % n; }

  void ask() {
    const std::size_t name = below(4) == 0 ? any : below(names.size());
    const std::size_t all = name == any ? sizes[0] + sizes[1] + sizes[2] : sizes[name];
    const std::size_t count = 1 + (below(3) == 0 ? below(all) : 0);
    const auto until = below(3) == 0 ? now + ms{below(50)} : table::time::max();
    const std::uint64_t who = below(9), ticket = next_ticket++;
    if (one_by_one && model.waits(who)) return;
    t->acquire({holder(who), who % 3}, ticket, name == any ? "" : names[name], count, until, now);
    model.line.push_back({who, ticket, name, count, until});
    const auto until_then = lease_max.count() > 0 ? now + lease_max : table::time::max();
    if (until > now) return;
    // A try: what it does not have at once it does not wait for.
    const std::size_t before = model.leases.size();
    const auto refused = [&] {
      naive then = model;
      then.serve(until_then);
      return then.leases.size() == before;
    }();
    if (refused) model.line.pop_back();
  }
  void give_back() {
    if (model.leases.empty()) return;
    const std::size_t which = below(model.leases.size());
    const bool bad = can_check && below(8) == 0;
    ASSERT_TRUE(t->release(tokens.at(model.leases[which].ticket), bad, now));
    model.returned += model.count_of(model.leases[which]);
    model.end(which, bad);
  }
  void cancel() {
    if (next_ticket == 1) return;
    const std::uint64_t ticket = 1 + below(next_ticket - 1);
    const auto is_it = [&](const auto& one) { return one.ticket == ticket; };
    if (const auto waits = std::find_if(model.line.begin(), model.line.end(), is_it);
        waits != model.line.end()) {
      ASSERT_TRUE(t->cancel(holder(waits->who), ticket, now));
      model.line.erase(waits);
    } else if (const auto has = std::find_if(model.leases.begin(), model.leases.end(), is_it);
               has != model.leases.end()) {
      ASSERT_TRUE(t->cancel(holder(has->who), ticket, now));
      model.returned += model.count_of(*has);
      model.end(static_cast<std::size_t>(has - model.leases.begin()), false);
    } else {
      for (std::uint64_t who = 1; who <= 3; ++who) ASSERT_FALSE(t->cancel(who, ticket, now));
    }
  }
  void die() {
    const std::uint64_t who = 1 + below(3);
    t->holder_gone(who, "killed", now);
    std::erase_if(model.line, [&](const auto& one) { return holder(one.who) == who; });
    for (std::size_t i = model.leases.size(); i-- > 0;) {
      if (holder(model.leases[i].who) != who) continue;
      model.reclaimed += model.count_of(model.leases[i]);
      model.end(i, can_check);
    }
  }
  void time_passes() {
    now += ms{below(10)};
    t->expire(now);
    std::erase_if(model.line, [&](const auto& one) { return one.until <= now; });
    for (std::size_t i = model.leases.size(); i-- > 0;) {
      if (model.leases[i].until > now) continue;
      model.revoked += model.count_of(model.leases[i]);
      model.end(i, can_check);
    }
  }
  void care() {
    for (auto* const whom : {&checking, &making}) {
      if (whom->empty() || below(2) == 0) continue;
      const auto which = whom->front();
      whom->erase(whom->begin());
      const bool well = below(3) != 0;
      if (whom == &checking) t->checked(which, well, "bad", now);
      else t->made(which, well, "no space", now);
      if (!well) return;
      const std::size_t name = t->resources()[which].group;
      --model.aside[name];
      ++model.free[name];
      return;
    }
  }

  std::mt19937 random;
  const std::vector<std::string> names{"x", "y", "z"};
  std::vector<std::size_t> sizes{1 + below(3), 1 + below(3), 1 + below(3)};
  const bool one_by_one = below(2) == 0;
  const bool can_check = below(2) == 0;
  const ms lease_max{below(2) == 0 ? 40 : 0};
  table::time now{std::chrono::hours{1}};
  std::optional<table> t;
  naive model;
  std::uint64_t next_ticket = 1;
  std::map<std::uint64_t, std::uint64_t> tokens;
  std::vector<table::step> steps;
  std::vector<table::index> checking, making;
  std::size_t deadlocks = 0;
};

void run(comparison& both) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < both.names.size(); ++i)
    all.insert(all.end(), both.sizes[i], both.names[i]);
  both.t.emplace(all, table::settings{.lease_max = both.lease_max,
                                      .retry_first = ms{5},
                                      .retry_most = ms{20},
                                      .can_check = both.can_check,
                                      .can_make = both.can_check && both.below(2) == 0});
  both.model.free = both.sizes;
  both.model.aside.resize(both.sizes.size());
  for (int i = 0; i < 3000 && !testing::Test::HasFatalFailure(); ++i) {
    switch (both.below(12)) {
      case 0: both.time_passes(); break;
      case 1: both.cancel(); break;
      case 2:
        if (both.below(4) == 0) both.die();
        break;
      case 3:
      case 4: both.care(); break;
      case 5:
      case 6:
      case 7:
      case 8: both.give_back(); break;
      default: both.ask(); break;
    }
    both.compare();
  }
}

TEST(ResourceModelTest, DoesWhatTheRulesSay) {
  std::size_t deadlocks = 0, granted = 0;
  for (unsigned seed = 0; seed < 200 && !HasFatalFailure(); ++seed) {
    SCOPED_TRACE(seed);
    comparison both{seed};
    run(both);
    deadlocks += both.deadlocks;
    granted += both.t->counts().granted;
  }
  EXPECT_GT(deadlocks, 1000U);
  EXPECT_GT(granted, 100'000U);
}

}  // namespace
}  // namespace hawser::actors::detail
