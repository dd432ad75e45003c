#include "collector.hpp"

#include "messages.hpp"

#include <caf/event_based_actor.hpp>

#include <chrono>
#include <utility>

namespace producer_consumer {

namespace {

using collector_actor = hawser::actors::stateful_actor<collector_state>;

// Often enough for a display, and so seldom that it costs nothing.
constexpr std::chrono::milliseconds tell_interval{50};

bool all_in(const collector_state& state) {
  return state.jobs == state.book.jobs() && state.book.complete();
}

void tell(collector_actor* self, const caf::actor& supervisor) {
  collector_state& state = self->state;
  collected news{state.book.so_far(), all_in(state)};
  news.so_far.walked = state.jobs.has_value();
  news.so_far.queued = state.jobs.value_or(0);
  self->send(supervisor, std::move(news));
}

// The end is told at once, everything else soon.
void tell_progress(collector_actor* self, const caf::actor& supervisor) {
  if (all_in(self->state)) return tell(self, supervisor);
  if (std::exchange(self->state.is_to_tell, true)) return;
  self->delayed_send(self, tell_interval, tell_atom_v);
}

void enter(collector_actor* self, const caf::actor& supervisor, const report& counted) {
  collector_state& state = self->state;
  const bool is_new = state.book.add(counted.sender, counted.of_job);
  if (is_new && counted.of_job.error != 0)
    self->send(supervisor, unreadable_file{counted.path, counted.of_job.error});
  if (const auto ns = state.book.taken_again_ns(); ns && !state.told_taken_again) {
    state.told_taken_again = true;
    self->send(supervisor, taken_again{*ns});
  }
  tell_progress(self, supervisor);
}

}  // namespace

caf::behavior collector(collector_actor* self, const caf::actor& supervisor) {
  return {
      [=](const report& news) {
        collector_state& state = self->state;
        switch (news.what) {
          case report::kind::counted: return enter(self, supervisor, news);
          case report::kind::holding:
            state.book.watch(news.of_job.sequence);
            return self->send(supervisor, holding{news.sender, news.path});
          case report::kind::walk_ended:
            state.jobs = news.jobs;
            return tell_progress(self, supervisor);
          case report::kind::walk_failed: return self->send(supervisor, walk_failure{news.path});
          case report::kind::round_over:
            return self->send(supervisor, settled{state.book.jobs(), state.book.chain(),
                                                  state.book.complete(), all_in(state)});
        }
      },
      [=](tell_atom) {
        self->state.is_to_tell = false;
        tell(self, supervisor);
      },
      [=](const consumer_gone& gone) { self->state.book.forget(gone.consumer); },
  };
}

}  // namespace producer_consumer
