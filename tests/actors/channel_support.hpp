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

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(channel_tests, caf::first_custom_type_id)
  CAF_ADD_TYPE_ID(channel_tests, (std::vector<double>))
  CAF_ADD_ATOM(channel_tests, test, answer_atom, "answer")
  CAF_ADD_ATOM(channel_tests, test, refuse_atom, "refuse")
CAF_END_TYPE_ID_BLOCK(channel_tests)
// clang-format on

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
      hawser::actors::set_scheduler_threads(*this, 2);
      hawser::actors::add_messages<caf::id_block::channel_tests>(*this);
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
    self->request(actor, hawser::actors::detail::request_timeout{hawser::test::patience},
                  hawser::actors::counters_atom_v)
        .receive([&](const Counters& counters) { result = counters; },
                 [&](caf::error& reason) {
                   throw std::runtime_error{hawser::actors::render(system, reason)};
                 });
    return result;
  }

  void kill(const caf::actor& actor) {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    static_cast<void>(end_of(actor));
  }

 private:
  std::vector<caf::actor> tracked_;
};

}  // namespace test
