// Resources that are, or may be, bad: checks, replacements, retries.

#include "resource_table.hpp"

#include <algorithm>

namespace hawser::actors::detail {

void resource_table::set_free(index which, time now) {
  resource& one = resources_[which];
  one.now = state::free;
  free_[one.group].push_back(which);
  if (!how_.can_check || how_.check_every.count() == 0) return;
  one.check_at = now + how_.check_every;
  timers_.emplace(one.check_at, timer_kind::recheck, which);
}

void resource_table::start_check(index which) {
  resources_[which].now = state::checking;
  steps_.push_back({.what = step_kind::check, .resources = {which}});
}

/// It is bad.
void resource_table::put_aside(index which, const std::string& why, time now) {
  steps_.push_back({.what = step_kind::broken, .resources = {which}, .text = why});
  if (how_.can_make) {
    resources_[which].now = state::making;
    steps_.push_back({.what = step_kind::make, .resources = {which}});
  } else if (how_.can_check) {
    rest(which, now);  // it may get well
  } else {
    resources_[which].now = state::gone;
    ++gone_[resources_[which].group];
    refuse_impossible(now);
  }
}

/// For twice as long each time.
void resource_table::rest(index which, time now) {
  resource& one = resources_[which];
  one.now = state::resting;
  auto pause = how_.retry_first;
  for (unsigned i = 0; i < one.failures && pause < how_.retry_most; ++i) pause *= 2;
  ++one.failures;
  timers_.emplace(now + std::min(pause, how_.retry_most), timer_kind::retry, which);
}

void resource_table::checked(index which, bool healthy, const std::string& why, time now) {
  if (resources_[which].now != state::checking) return;
  if (healthy) {
    resources_[which].failures = 0;
    set_free(which, now);
  } else {
    put_aside(which, why, now);
  }
  serve(now);
}

void resource_table::made(index which, bool well, const std::string& why, time now) {
  if (resources_[which].now != state::making) return;
  if (!well) {
    steps_.push_back({.what = step_kind::broken, .resources = {which}, .text = why});
    return rest(which, now);
  }
  resources_[which].failures = 0;
  ++counts_.replaced;
  steps_.push_back({.what = step_kind::replaced, .resources = {which}});
  set_free(which, now);
  serve(now);
}

/// What is gone for good does not keep anybody waiting.
void resource_table::refuse_impossible(time now) {
  for (auto next = line_.begin(); next != line_.end();) {
    const waiter& who = next->second;
    if (who.count <= among(sizes_, who) - among(gone_, who)) {
      ++next;
      continue;
    }
    refuse(who, refusal::out_of_service, count_held(who), now);
    next = leave_line(next);
  }
  refuse_deadlocks({}, now);
}

}  // namespace hawser::actors::detail
