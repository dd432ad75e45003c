#include "resource_table.hpp"

#include <algorithm>
#include <numeric>

namespace hawser::actors::detail {

resource_table::resource_table(std::vector<std::string> names, const settings& how)
    : how_(how), next_token_(how.first_token) {
  for (auto& name : names) {
    const auto at = std::find(groups_.begin(), groups_.end(), name);
    const auto group = static_cast<std::size_t>(at - groups_.begin());
    if (at == groups_.end()) groups_.push_back(name);
    free_.resize(groups_.size());
    sizes_.resize(groups_.size());
    ++sizes_[group];
    free_[group].push_back(static_cast<index>(resources_.size()));
    resources_.push_back({.name = std::move(name), .group = group});
  }
  waiting_.resize(groups_.size());
  gone_.resize(groups_.size());
  closed_groups_.resize(groups_.size());
  if (how_.can_check && how_.check_every.count() > 0)
    for (std::size_t i = 0; i < resources_.size(); ++i)
      timers_.emplace(time{}, timer_kind::recheck, i);
}

const std::string& resource_table::name_of(holder_id who) const {
  static const std::string nobody = "somebody";
  const auto entry = holders_.find(who);
  return entry == holders_.end() || entry->second.name.empty() ? nobody : entry->second.name;
}

void resource_table::acquire(party_id who, std::uint64_t ticket, std::string_view name,
                             std::size_t count, time until, time now) {
  waiter asks{who.first, who.second, ticket, {}, count, now, until};
  if (closed_) return refuse(asks, refusal::closed, *closed_, now);
  if (!name.empty()) {
    const auto at = std::find(groups_.begin(), groups_.end(), name);
    if (at == groups_.end())
      return refuse(asks, refusal::no_such, "there is no \"" + std::string{name} + "\"", now);
    asks.group = static_cast<std::size_t>(at - groups_.begin());
  }
  const std::size_t all = among(sizes_, asks);
  if (count == 0 || count > all)
    return refuse(asks, refusal::bad_count,
                  words_of(asks) + " are asked for, and there are " + std::to_string(all), now);
  if (count > all - among(gone_, asks))
    return refuse(asks, refusal::out_of_service, count_held(asks), now);

  for (std::size_t i = 0; i < groups_.size(); ++i)
    closed_groups_[i] = waiting_any_ != 0 || waiting_[i] != 0;
  if (auto got = take_free(asks, closed_groups_); !got.empty())
    return grant(asks, std::move(got), now);
  if (until <= now) return refuse(asks, refusal::timed_out, count_held(asks), now);

  const std::uint64_t number = next_number_++;
  holders_[asks.who].waits.insert(number);
  ++(asks.group ? waiting_[*asks.group] : waiting_any_);
  if (until != time::max()) timers_.emplace(until, timer_kind::wait_ends, number);
  line_.emplace(number, asks);
  const std::size_t waits = waits_of(asks);
  several_ += waits == 2;
  // Who holds nothing, and waits for nothing else, is waited for by nobody.
  if (waits > 1 || holds_something(asks)) refuse_deadlocks(who, now);
}

/// For how many things its party does; 0 of one that need not get them to go on.
std::size_t resource_table::waits_of(const waiter& who) const {
  if (who.party == 0) return 0;
  const auto& waits = holders_.at(who.who).waits;
  return static_cast<std::size_t>(std::count_if(waits.begin(), waits.end(), [&](auto number) {
    return line_.at(number).party == who.party;
  }));
}

bool resource_table::holds_something(const waiter& who) const {
  const auto& leases = holders_.at(who.who).leases;
  return who.party != 0 && std::any_of(leases.begin(), leases.end(), [&](auto token) {
           return leases_.at(token).party == who.party;
         });
}

std::size_t resource_table::among(const std::vector<std::size_t>& counts, const waiter& who) const {
  return who.group ? counts[*who.group]
                   : std::accumulate(counts.begin(), counts.end(), std::size_t{0});
}

/// All of it or nothing.
std::vector<resource_table::index> resource_table::take_free(const waiter& who,
                                                             const std::vector<bool>& closed) {
  std::size_t there = 0;
  const auto usable = [&](std::size_t group) {
    return !closed[group] && (!who.group || *who.group == group);
  };
  for (std::size_t group = 0; group < groups_.size(); ++group)
    if (usable(group)) there += free_[group].size();
  if (there < who.count) return {};
  std::vector<index> got;
  got.reserve(who.count);
  for (std::size_t group = 0; group < groups_.size(); ++group)
    while (usable(group) && got.size() < who.count && !free_[group].empty()) {
      got.push_back(free_[group].front());
      free_[group].pop_front();
    }
  return got;
}

void resource_table::grant(const waiter& who, std::vector<index> what, time now) {
  const std::uint64_t token = next_token_++;
  for (const index one : what) {
    if (how_.check_every.count() > 0)
      timers_.erase({resources_[one].check_at, timer_kind::recheck, one});
    resources_[one].now = state::held;
    resources_[one].token = token;
  }
  counts_.granted += what.size();
  counts_.held += what.size();
  lease made{who.who, who.party, who.ticket, what, now};
  if (how_.lease_max.count() > 0) {
    made.until = now + how_.lease_max;
    timers_.emplace(made.until, timer_kind::lease_ends, token);
  }
  leases_.emplace(token, std::move(made));
  holders_[who.who].leases.insert(token);
  steps_.push_back({.what = step_kind::granted,
                    .who = who.who,
                    .ticket = who.ticket,
                    .token = token,
                    .resources = std::move(what),
                    .took = now - who.since});
}

/// Goes along the line (I2).
void resource_table::serve(time now) {
  // Of who waits for several things at once, one may come before the other, or not: only that can
  // close a cycle when nobody begins to wait.
  const bool look = several_ != 0;
  closed_groups_.assign(groups_.size(), false);
  std::size_t open = groups_.size();
  for (auto next = line_.begin(); next != line_.end() && open != 0;) {
    const waiter who = next->second;
    if (auto got = take_free(who, closed_groups_); !got.empty()) {
      next = leave_line(next);
      grant(who, std::move(got), now);
      continue;
    }
    if (!who.group) break;
    if (!closed_groups_[*who.group]) {
      closed_groups_[*who.group] = true;
      --open;
    }
    ++next;
  }
  if (look) refuse_deadlocks({}, now);
}

resource_table::line_t::iterator resource_table::leave_line(line_t::iterator who) {
  const waiter& leaves = who->second;
  if (leaves.until != time::max()) timers_.erase({leaves.until, timer_kind::wait_ends, who->first});
  several_ -= waits_of(leaves) == 2;
  holders_[leaves.who].waits.erase(who->first);
  --(leaves.group ? waiting_[*leaves.group] : waiting_any_);
  return line_.erase(who);
}

void resource_table::refuse(const waiter& who, refusal why, std::string text, time now) {
  counts_.timed_out += why == refusal::timed_out;
  counts_.deadlocks += why == refusal::deadlock;
  steps_.push_back({.what = step_kind::refused,
                    .who = who.who,
                    .ticket = who.ticket,
                    .took = now - who.since,
                    .why = why,
                    .text = std::move(text)});
}

bool resource_table::release(std::uint64_t token, bool bad, time now) {
  const auto which = leases_.find(token);
  if (which == leases_.end()) return false;
  end_lease(which, step_kind::returned, false, bad, {}, now);
  serve(now);
  return true;
}

bool resource_table::cancel(holder_id who, std::uint64_t ticket, time now) {
  const auto entry = holders_.find(who);
  if (entry == holders_.end()) return false;
  for (const std::uint64_t number : entry->second.waits) {
    const auto waits = line_.find(number);
    if (waits->second.ticket != ticket) continue;
    leave_line(waits);
    serve(now);
    return true;
  }
  for (const std::uint64_t token : entry->second.leases)
    if (leases_.at(token).ticket == ticket) return release(token, false, now);
  return false;
}

void resource_table::holder_gone(holder_id who, const std::string& why, time now) {
  const auto entry = holders_.find(who);
  if (entry == holders_.end()) return;
  while (!entry->second.waits.empty()) leave_line(line_.find(*entry->second.waits.begin()));
  while (!entry->second.leases.empty())
    end_lease(leases_.find(*entry->second.leases.begin()), step_kind::reclaimed, true, false, why,
              now);
  holders_.erase(entry);
  serve(now);
}

void resource_table::end_lease(leases_t::iterator which, step_kind how, bool suspect, bool bad,
                               std::string why, time now) {
  const std::uint64_t token = which->first;
  lease ended = std::move(which->second);
  leases_.erase(which);
  holders_[ended.who].leases.erase(token);
  if (ended.until != time::max()) timers_.erase({ended.until, timer_kind::lease_ends, token});
  const std::size_t count = ended.resources.size();
  counts_.held -= count;
  (how == step_kind::returned    ? counts_.returned
   : how == step_kind::reclaimed ? counts_.reclaimed
                                 : counts_.revoked) += count;
  steps_.push_back({.what = how,
                    .who = ended.who,
                    .ticket = ended.ticket,
                    .token = token,
                    .resources = ended.resources,
                    .took = now - ended.since,
                    .text = std::move(why)});
  for (const index one : ended.resources) {
    resources_[one].token = 0;
    if (bad) put_aside(one, "its holder says so", now);
    else if (how_.can_check && (suspect || how_.check_returned)) start_check(one);
    else set_free(one, now);
  }
}

void resource_table::expire(time now) {
  bool changed = false;
  while (!timers_.empty() && std::get<time>(*timers_.begin()) <= now) {
    const auto [at, kind, id] = *timers_.begin();
    timers_.erase(timers_.begin());
    switch (kind) {
      case timer_kind::wait_ends: {
        const auto waits = line_.find(id);
        refuse(waits->second, refusal::timed_out, count_held(waits->second), now);
        leave_line(waits);
        changed = true;
        break;
      }
      case timer_kind::lease_ends:
        end_lease(leases_.find(id), step_kind::revoked, true, false,
                  "it was held for longer than the longest time", now);
        changed = true;
        break;
      case timer_kind::retry: {
        const auto which = static_cast<index>(id);
        if (!how_.can_make) {
          start_check(which);
          break;
        }
        resources_[which].now = state::making;
        steps_.push_back({.what = step_kind::make, .resources = {which}});
        break;
      }
      case timer_kind::recheck: {
        const auto which = static_cast<index>(id);
        std::erase(free_[resources_[which].group], which);
        start_check(which);
        break;
      }
    }
  }
  if (changed) serve(now);
}

std::optional<resource_table::time> resource_table::next_time() const {
  if (timers_.empty()) return std::nullopt;
  return std::get<time>(*timers_.begin());
}

void resource_table::close(const std::string& why, time now) {
  closed_ = why;
  while (!line_.empty()) {
    refuse(line_.begin()->second, refusal::closed, why, now);
    leave_line(line_.begin());
  }
}

std::string resource_table::words_of(const waiter& who) const {
  const std::string name = who.group ? '"' + groups_[*who.group] + '"' : "any";
  return who.count == 1 ? name : std::to_string(who.count) + " of " + name;
}

/// `"db": 1 free, 2 held, 1 out of service; 4 wait`.
std::string resource_table::count_held(const waiter& who) const {
  std::size_t free = 0, held = 0, other = 0;
  for (const resource& one : resources_) {
    if (who.group && one.group != *who.group) continue;
    ++(one.now == state::free ? free : one.now == state::held ? held : other);
  }
  const std::size_t waiting = waiting_any_ + among(waiting_, who);
  return (who.group ? '"' + groups_[*who.group] + '"' : std::string{"any"}) + ": " +
         std::to_string(free) + " free, " + std::to_string(held) + " held, " +
         std::to_string(other) + " out of service; " + std::to_string(waiting) + " wait";
}

}  // namespace hawser::actors::detail
