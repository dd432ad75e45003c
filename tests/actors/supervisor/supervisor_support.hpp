/// What the tests of supervisors share: children, and a record of events.
#pragma once

#include "../process_support.hpp"
#include <hawser/actors/supervisor.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace test {

using hawser::actors::child_info;
using hawser::actors::child_state;
using hawser::actors::supervisor_event;

/// All that a supervisor has told, in its order.
class event_log {
 public:
  auto listener() {
    return [this](const supervisor_event& event) {
      const std::scoped_lock hold{mutex_};
      events_.push_back(event);
      changed_.notify_all();
    };
  }
  std::vector<supervisor_event> all() const {
    const std::scoped_lock hold{mutex_};
    return events_;
  }
  std::size_t count(supervisor_event::kind what, const std::string& child) const {
    const std::scoped_lock hold{mutex_};
    return count_locked(what, child);
  }
  /// Waits until there are so many of them; at most 20 s.
  [[nodiscard]] bool await(supervisor_event::kind what, const std::string& child,
                           std::size_t wanted) {
    std::unique_lock hold{mutex_};
    return changed_.wait_for(hold, std::chrono::seconds{20},
                             [&] { return count_locked(what, child) >= wanted; });
  }
  /// Of the last one; there has to be one.
  supervisor_event last(supervisor_event::kind what, const std::string& child) const {
    const std::scoped_lock hold{mutex_};
    for (auto event = events_.rbegin(); event != events_.rend(); ++event)
      if (event->what == what && event->child == child) return *event;
    throw std::runtime_error{"no such event of " + child};
  }
  /// `+a -a ...`: who has started and who has ended since the `first`th event.
  std::string order(std::size_t first = 0) const {
    const std::scoped_lock hold{mutex_};
    std::string text;
    for (std::size_t i = first; i < events_.size(); ++i) {
      if (events_[i].what == supervisor_event::kind::started) text += "+" + events_[i].child + " ";
      if (events_[i].what == supervisor_event::kind::ended) text += "-" + events_[i].child + " ";
    }
    return text.empty() ? text : text.substr(0, text.size() - 1);
  }
  std::size_t size() const {
    const std::scoped_lock hold{mutex_};
    return events_.size();
  }

 private:
  std::size_t count_locked(supervisor_event::kind what, const std::string& child) const {
    return static_cast<std::size_t>(std::count_if(
        events_.begin(), events_.end(),
        [&](const supervisor_event& event) { return event.what == what && event.child == child; }));
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<supervisor_event> events_;
};

inline child_info child_of(const hawser::actors::running_supervisor& running,
                           const std::string& name) {
  for (auto& one : running.children())
    if (one.name == name) return one;
  throw std::runtime_error{"no child " + name};
}

}  // namespace test
