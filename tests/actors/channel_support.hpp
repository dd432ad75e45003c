/// What the tests of channel actors share.
#pragma once

#include "../support/child.hpp"
#include <hawser/actors/caf_compat.hpp>
#include <hawser/actors/channel_error.hpp>
#include <hawser/shm/queue.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <future>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace test {

using namespace std::chrono_literals;

inline std::size_t thread_count() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator{"/proc/self/task"})
    ++count;
  return count;
}

/// An actor system with two scheduler threads, and questions to actors that wait 30 s at most.
class running_system {
  struct configuration : caf::actor_system_config {
    configuration() {
      set("scheduler.max-threads", std::uint64_t{2});
      hawser::actors::add_channel_errors(*this);
    }
  };
  configuration config_;

 public:
  caf::actor_system system{config_};

  /// Or the system would wait for actors that a failed test leaves behind.
  ~running_system() {
    for (const auto& actor : tracked_) caf::anon_send_exit(actor, caf::exit_reason::kill);
  }

  /// Kills `actor` with this object at the latest.
  caf::actor track(caf::actor actor) {
    tracked_.push_back(actor);
    return actor;
  }

  /// Waits until `actor` has ended; its reason.
  caf::error end_of(const caf::actor& actor) {
    caf::scoped_actor self{system};
    self->monitor(actor);
    caf::error reason = caf::make_error(caf::sec::request_timeout);
    self->receive([&](caf::down_msg& down) { reason = std::move(down.reason); },
                  caf::after(hawser::test::patience) >> [] {});
    return reason;
  }

  template <class Counters>
  Counters counters_of(const caf::actor& actor) {
    caf::scoped_actor self{system};
    Counters result;
    self->request(actor, caf::duration{hawser::test::patience},
                  hawser::actors::counters_atom::value)
        .receive([&](const Counters& counters) { result = counters; },
                 [&](caf::error& reason) { throw std::runtime_error{system.render(reason)}; });
    return result;
  }

  void kill(const caf::actor& actor) {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    end_of(actor);
  }

 private:
  std::vector<caf::actor> tracked_;
};

}  // namespace test
