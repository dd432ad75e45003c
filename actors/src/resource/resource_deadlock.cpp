// Who would wait for ever, and why (I3).

#include "resource_table.hpp"

#include <algorithm>

namespace hawser::actors::detail {

/// Plays it out: who waits for nothing gives back all it holds, the line is served by its rule, and so
/// on. Which of several resources of a name somebody has makes no difference, so they are counted.
std::vector<std::uint64_t> resource_table::stuck() const {
  using counts = std::vector<std::size_t>;
  counts free(groups_.size());
  std::map<party_id, counts> held;
  for (const resource& one : resources_)
    if (one.now != state::held && one.now != state::gone) ++free[one.group];
  const auto held_by = [&](party_id who) -> counts& {
    counts& its = held[who];
    its.resize(groups_.size());
    return its;
  };
  for (const auto& [token, one] : leases_)
    for (const index which : one.resources)
      ++held_by({one.who, one.party})[resources_[which].group];
  std::map<party_id, std::size_t> waits;
  std::vector<std::pair<std::uint64_t, const waiter*>> line;
  for (const auto& [number, who] : line_) {
    ++waits[party_id(who.who, who.party)];
    line.emplace_back(number, &who);
  }

  for (bool changed = true; changed;) {
    changed = false;
    for (auto& [who, its] : held) {
      if (const auto entry = waits.find(who);
          who.second != 0 && entry != waits.end() && entry->second != 0)
        continue;
      for (std::size_t i = 0; i < its.size(); ++i) free[i] += std::exchange(its[i], 0);
    }
    std::vector<bool> closed(groups_.size());
    std::erase_if(line, [&](const auto& next) {
      const waiter& who = *next.second;
      const auto usable = [&](std::size_t i) { return !closed[i] && who.group.value_or(i) == i; };
      std::size_t there = 0;
      for (std::size_t i = 0; i < free.size(); ++i)
        if (usable(i)) there += free[i];
      if (there < who.count) {
        for (std::size_t i = 0; i < free.size(); ++i)
          if (who.group.value_or(i) == i) closed[i] = true;
        return false;
      }
      std::size_t wanted = who.count;
      for (std::size_t i = 0; i < free.size(); ++i) {
        if (!usable(i)) continue;
        const std::size_t part = std::min(wanted, free[i]);
        wanted -= part;
        free[i] -= part;
        held_by({who.who, who.party})[i] += part;
      }
      --waits[party_id(who.who, who.party)];
      return changed = true;
    });
  }
  std::vector<std::uint64_t> left;
  for (const auto& [number, who] : line) left.push_back(number);
  return left;
}

/// Refuses what `closer` waits for, the latest first, until nobody is stuck.
void resource_table::refuse_deadlocks(std::optional<party_id> closer, time now) {
  if (!how_.find_deadlocks) return;
  for (;;) {
    const auto left = stuck();
    if (left.empty()) return;
    const auto own = std::find_if(left.rbegin(), left.rend(), [&](std::uint64_t number) {
      const waiter& who = line_.at(number);
      return closer == party_id{who.who, who.party};
    });
    const std::uint64_t number = own != left.rend() ? *own : left.back();
    const auto waits = line_.find(number);
    refuse(waits->second, refusal::deadlock, cycle(left, number), now);
    leave_line(waits);
    serve(now);
  }
}

/// The shortest way from who closes it back to itself: `A waits for "x", which B holds; B waits for
/// "y", which A holds`.
std::string resource_table::cycle(const std::vector<std::uint64_t>& stuck_ones,
                                  std::uint64_t closer) const {
  const auto lends_to = [&](const waiter& what, const lease& one) {
    return std::any_of(one.resources.begin(), one.resources.end(), [&](index which) {
      return resources_[which].group == what.group.value_or(resources_[which].group);
    });
  };
  const auto holds = [&](const waiter& who, const waiter& what) {
    const auto& tokens = holders_.at(who.who).leases;
    return std::any_of(tokens.begin(), tokens.end(), [&](std::uint64_t token) {
      const lease& one = leases_.at(token);
      return one.party == who.party && lends_to(what, one);
    });
  };
  const auto overlap = [](const waiter& a, const waiter& b) {
    return !a.group || !b.group || *a.group == *b.group;
  };
  // Requests that are stuck, each with the one before it on the way.
  std::map<std::uint64_t, std::pair<std::uint64_t, std::string>> reached;
  std::deque<std::uint64_t> next{closer};
  const auto party = [](const waiter& who) { return party_id{who.who, who.party}; };
  const party_id target = party(line_.at(closer));
  while (!next.empty()) {
    const std::uint64_t number = next.front();
    next.pop_front();
    const waiter& from = line_.at(number);
    const std::string begins = name_of(from.who) + " waits for " + words_of(from);
    for (const std::uint64_t other : stuck_ones) {
      const waiter& to = line_.at(other);
      if (party(to) == party(from)) continue;
      std::string words;
      if (holds(to, from)) words = begins + ", which " + name_of(to.who) + " holds";
      else if (other < number && overlap(from, to)) words = begins + " behind " + name_of(to.who);
      else continue;
      if (party(to) == target) {
        for (auto at = number; at != closer; at = reached.at(at).first)
          words = reached.at(at).second + "; " + words;
        return words;
      }
      if (reached.try_emplace(other, number, words).second) next.push_back(other);
    }
  }
  const waiter& alone = line_.at(closer);
  return name_of(alone.who) + " waits for " + words_of(alone) +
         ", and nobody but itself holds what is missing";
}

}  // namespace hawser::actors::detail
