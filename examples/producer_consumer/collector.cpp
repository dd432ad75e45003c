#include "collector.hpp"

#include "messages.hpp"

#include <caf/event_based_actor.hpp>

namespace producer_consumer {

namespace {

using collector_actor = caf::stateful_actor<collector_state>;

// Often enough for a display, seldom enough to cost nothing.
constexpr std::chrono::milliseconds tell_interval{50};

bool all_in(const collector_state& state) {
  return state.jobs == state.book.jobs() && state.book.complete();
}

void tell_progress(collector_actor* self, const caf::actor& supervisor) {
  collector_state& state = self->state;
  const auto now = std::chrono::steady_clock::now();
  const bool all = all_in(state);
  if (!all && now - state.told_at < tell_interval) return;
  state.told_at = now;
  collected news{state.book.so_far(), all};
  news.so_far.walked = state.jobs.has_value();
  news.so_far.queued = state.jobs.value_or(0);
  self->send(supervisor, std::move(news));
}

void enter(collector_actor* self, const caf::actor& supervisor, const report& counted) {
  collector_state& state = self->state;
  if (const int error = state.book.add(counted)) {
    self->send(supervisor, unreadable_file{counted.path, error});
  }
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
            state.book.watch(news.outcomes.at(0).sequence);
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
      [=](const consumer_gone& gone) { self->state.book.forget(gone.consumer); },
  };
}

}  // namespace producer_consumer
