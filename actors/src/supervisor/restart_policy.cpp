#include "restart_policy.hpp"

#include <algorithm>

namespace hawser::actors::detail {

child_range restarted_with(restart_strategy strategy, std::size_t index, std::size_t count) {
  switch (strategy) {
    case restart_strategy::one_for_all: return {0, count};
    case restart_strategy::rest_for_one: return {index, count};
    case restart_strategy::one_for_one: break;
  }
  return {index, index + 1};
}

bool is_to_restart(restart_when when, const child_end& end) {
  switch (when) {
    case restart_when::permanent: return true;
    case restart_when::transient: return end.is_abnormal();
    case restart_when::temporary: break;
  }
  return false;
}

bool restart_intensity::add(supervisor_clock::time_point now) {
  while (!times_.empty() && now - times_.front() > within_) times_.pop_front();
  times_.push_back(now);
  return times_.size() <= restarts_max_;
}

std::chrono::milliseconds restart_delay::next(supervisor_clock::time_point now, double chance) {
  if (now - started_ >= how_.reset_after) is_first_ = true;
  if (is_first_) {
    is_first_ = false;
    grown_ = std::chrono::milliseconds{0};
    return grown_;
  }
  // Never 2 x longest: that may not fit.
  if (grown_.count() == 0) grown_ = std::min(how_.first, how_.longest);
  else grown_ = grown_ > how_.longest / 2 ? how_.longest : grown_ * 2;
  const double left_out = std::clamp(how_.jitter, 0.0, 1.0) * chance;
  return std::chrono::milliseconds{static_cast<std::chrono::milliseconds::rep>(
      static_cast<double>(grown_.count()) * (1 - left_out))};
}

}  // namespace hawser::actors::detail
