// Workers that die.

#include "engine.hpp"

#include <utility>

namespace hawser::actors::detail {

void pipeline_run::engine::hear(const supervisor_event& event) {
  if (event.what != supervisor_event::kind::ended) return;
  const auto found = processes_.find(event.child);
  if (found == processes_.end() || event.end.kind == end_kind::stopped) return;
  record_death(found->second, event.end);
}

void pipeline_run::engine::record_death(const worker_place& place, const child_end& end) {
  const std::scoped_lock hold{mutex_};
  if (has_all() || terminated_) return;
  const std::string& stage_name = plan_.stages[place.stage].name;
  const std::uint64_t message = read_slot(slot(place.stage, place.worker)).message;
  clear_slot(slot(place.stage, place.worker));
  stage_state& stage = stages_[place.stage];
  ++stage.deaths;
  if (message != 0 && message - 1 >= first_kept_death()) {
    death& its = deaths_[message - 1];
    ++its.count;
    its.pid = end.pid;
    its.status = end.status;
  }
  died_.notify_all();
  if (end.kind == end_kind::normal) {
    // It goes by itself only when there is no more to do.
    if (!queues_[place.stage]->closed())
      break_off("a worker of stage \"" + stage_name + "\" has left by _exit(0): return, or throw");
    return;
  }
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < workers_of(place.stage); ++i) {
    const auto now = read_slot(slot(place.stage, i));
    done += now.done + now.dead;
  }
  stage.fruitless = done == stage.done_at_death ? stage.fruitless + 1 : 0;
  stage.done_at_death = done;
  // A message that kills whoever has it is a dead letter before that.
  const std::size_t most =
      20 + 4 * workers_of(place.stage) * (plan_.stages[place.stage].options.retries + 1);
  if (stage.fruitless >= most)
    break_off("the workers of stage \"" + stage_name + "\" have died " +
              std::to_string(stage.fruitless) +
              " times and got nothing done; the last one: " + to_string(end));
}

/// One may be heard of behind the outcome, which it explains.
std::uint64_t pipeline_run::engine::first_kept_death() const {
  const std::uint64_t low = window_->low();
  return low > window_->size() ? low - window_->size() : 0;
}

pipeline_run::engine::death pipeline_run::engine::death_of(std::uint64_t number, unsigned count) {
  std::unique_lock hold{mutex_};
  // Who works on the message next may hear of a death before us. It says nothing of one that had not
  // begun: there is none to wait for.
  constexpr std::chrono::milliseconds patience{200};
  died_.wait_for(hold, patience, [&] {
    const auto found = deaths_.find(number);
    return found != deaths_.end() && found->second.count >= count;
  });
  const auto found = deaths_.find(number);
  return found != deaths_.end() ? found->second : death{};
}

}  // namespace hawser::actors::detail
