#include "sweep.hpp"

#include "marks.hpp"
#include "process_state.hpp"
#include "shared_effects.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <unordered_map>

extern "C" const char __executable_start, etext;  // NOLINT: set by the linker

namespace hawser::test::killpoint {
namespace {

// A victim that is told to go, a servant that is told to prepare: nothing here takes long.
constexpr auto setup_limit = 2 * hang_limit;

// An instruction that was executed more often is not worth a breakpoint: each visit costs more
// than a step.
constexpr std::uint64_t visits_max = 32;

std::string place_of(std::uint64_t address) {
  const auto begin = reinterpret_cast<std::uint64_t>(&__executable_start);
  const auto end = reinterpret_cast<std::uint64_t>(&etext);
  if (address < begin || address >= end) return "inside a library";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "addr2line 0x%llx",
                static_cast<unsigned long long>(address - begin));
  return text.data();
}

}  // namespace

std::string sweep::target::to_text() const {
  if (inside_sleep) return "inside its sleep";
  if (spared) return "when it had been complete for a while";
  if (instructions != UINT64_MAX) return "at instruction " + std::to_string(instructions);
  if (effects != UINT64_MAX) return "after effect " + std::to_string(effects);
  return "when it was complete";
}

void sweep::build_world() {
  ++object_;  // whatever the old world left is not trusted
  world_ = std::make_unique<world>();
  const int news_in = world_->news.near(), news_out = world_->news.far();
  // servant's handler is copied into the child's frame only: the news live there, too.
  world_->survivor.emplace(
      [this, news = sleeper_news{news_in}](const std::string& request) mutable -> std::string {
        if (request == "listen") {
          const std::string wrong = subject_.listen(news);
          return wrong.empty() ? "ok" : wrong;
        }
        if (request.starts_with("check")) {
          const verdict found = subject_.check(news, request == "check complete");
          news.forget();
          return found.to_text();
        }
        if (request == "release") subject_.release();
        else if (request == "finish") subject_.finish();
        else subject_.arrange(std::stoi(request));
        return "ok";
      });
  if (subject_.has_sleeper())
    world_->sleeper.emplace([this, news_out](const std::string& request) -> std::string {
      if (request == "finish") {
        subject_.finish();
        return "ok";
      }
      send_text(news_out, subject_.doze(std::stoi(request)));
      return "ok";
    });
}

sweep_report sweep::run() {
  sweep_report report;
  report.name = subject_.name();
  report.outcomes.assign(static_cast<std::size_t>(subject_.outcomes()), 0);
  sweep_points(report);
  tear_down(report);
  return report;
}

void sweep::sweep_points(sweep_report& report) {
  const auto enough = [&] { return report.failures.size() >= options_.failures_max; };

  const passage whole = try_point({}, report);
  report.instructions = whole.instructions;
  report.effects = whole.effects;
  if (!whole.slept) waypoints_ = whole.waypoints;
  report.every_instruction = whole.instructions <= options_.every_instruction_max;
  if (whole.slept && !enough()) try_point({.inside_sleep = true}, report);
  if (subject_.has_sleeper() && !enough()) try_point({.spared = true}, report);

  if (report.every_instruction) {
    // The number of instructions varies a little with what the others do meanwhile.
    for (std::uint64_t k = 0; k <= 2 * whole.instructions && !enough(); ++k)
      if (come_to({.instructions = k}, report).complete) break;
    return;
  }
  for (std::uint64_t j = 0; j <= 2 * whole.effects && !enough(); ++j)
    if (come_to({.effects = j}, report).complete) break;
  std::uniform_int_distribution<std::uint64_t> any{0, whole.instructions};
  for (std::uint64_t n = 0; n < options_.samples && !enough(); ++n)
    come_to({.instructions = any(random_)}, report);
}

sweep::passage sweep::come_to(target where, sweep_report& report) {
  passage state = try_point(where, report);
  where.on_foot = true;
  return state.strayed ? try_point(where, report) : state;
}

sweep::passage sweep::try_point(const target& where, sweep_report& report) {
  constexpr int tries = 3;
  for (int attempt = 1;; ++attempt) {
    verdict found;
    const passage state = kill_at(where, found);
    ++report.points;
    if (found.failure.empty()) {
      const int last = subject_.outcomes() - 1;
      if (found.outcome < 0 || found.outcome > last) found.failure = "no such outcome";
      else if (state.complete && found.outcome != last)
        found.failure = "complete, but undone (outcome " + std::to_string(found.outcome) + ")";
      else if (where.instructions == 0 && found.outcome != 0) found.failure = "not begun, but done";
    }
    // A busy machine may make us wait once; what makes us wait three times at one point is the
    // operation.
    if (found.failure.empty() && found.slowest > next_operation_limit) {
      if (attempt < tries) continue;
      found.failure = "a survivor waited " + std::to_string(found.slowest.count() / 1000) + " ms";
    }
    if (found.failure.empty()) {
      ++report.outcomes[static_cast<std::size_t>(found.outcome)];
      report.slowest = std::max(report.slowest, found.slowest);
    } else {
      report.failures.push_back("killed " + where.to_text() + " (" + place_of(state.address) +
                                "): " + found.failure);
      world_.reset();
    }
    return state;
  }
}

void sweep::set_up(passage& state) {
  if (!world_) build_world();
  else if (subject_.spends_object()) ++object_;
  const auto answer = world_->survivor->ask(std::to_string(object_), setup_limit);
  if (answer != "ok") state.failure = "arrange: " + answer.value_or("hangs");
}

sweep::passage sweep::kill_at(const target& where, verdict& found) {
  passage state;
  const auto judge = [&]() -> std::string {
    set_up(state);
    if (!state.failure.empty()) return state.failure;

    std::optional<servant> occupant;
    if (subject_.has_occupant()) {
      occupant.emplace([this](const std::string& request) -> std::string {
        subject_.occupy(std::stoi(request));
        return "ok";
      });
      const auto answer = occupant->ask(std::to_string(object_), setup_limit);
      if (answer != "ok") return "occupy: " + answer.value_or("hangs");
    }
    traced_child victim([this] {
      subject_.enter(object_);
      const marked_thread self;
      self.mark();
      subject_.operate();
      self.mark();
    });
    if (victim.run_to_mark(setup_limit) != progress::marked) return "the victim cannot enter";
    if (subject_.has_sleeper()) {
      world_->sleeper->ask(std::to_string(object_));
      const pid_t sleeper = world_->sleeper->pid();
      if (!wait_until([&] { return subject_.is_dozing(sleeper, object_); }, setup_limit))
        return "the sleeper does not sleep";
    }
    {
      std::optional<frozen_threads> of_survivor, of_sleeper;
      if (subject_.hides_occupant()) {
        of_survivor.emplace(world_->survivor->pid());
        if (world_->sleeper) of_sleeper.emplace(world_->sleeper->pid());
      }
      occupant.reset();
      state = operate_until(where, victim);
      if (where.spared && state.complete) {
        of_survivor.reset();
        of_sleeper.reset();
        const auto heard = world_->survivor->ask("listen", options_.check_limit);
        if (heard != "ok") return heard.value_or("a survivor hangs beside the complete victim");
      }
      victim.kill();
    }
    if (!state.failure.empty()) return state.failure;

    const auto judged =
        world_->survivor->ask(state.complete ? "check complete" : "check", options_.check_limit);
    if (!judged) return "a survivor hangs";
    found = verdict::from_text(*judged);
    if (!found.failure.empty()) return found.failure;
    if (world_->sleeper && world_->sleeper->answer(hang_limit) != "ok")
      return "the sleeper hangs after its operation";
    return {};
  };
  found.failure = judge();
  return state;
}

const sweep::waypoint* sweep::waypoint_before(const target& where) const {
  if (where.measures() || where.inside_sleep || where.spared) return nullptr;
  const waypoint* nearest = nullptr;
  for (const waypoint& one : waypoints_) {
    if (one.instructions > where.instructions || one.effects > where.effects) break;
    // The effect itself is a step, so that it can be seen.
    if (one.visits == 0 || (!where.on_foot && one.effects < where.effects)) nearest = &one;
  }
  return nearest;
}

bool sweep::approach(const waypoint* nearest, traced_child& victim, passage& state) const {
  if (nearest == nullptr) return true;
  state.instructions = nearest->instructions;
  state.effects = nearest->effects;
  progress made = victim.run_past_system_calls(nearest->calls);
  if (made == progress::stepped && nearest->visits != 0)
    made = victim.run_to(nearest->address, nearest->visits);
  switch (made) {
    case progress::stepped: return true;
    case progress::marked: state.complete = true; break;
    case progress::blocked: state.failure = "the operation sleeps"; break;
    case progress::ended: state.failure = "the victim ended by itself"; break;
  }
  state.strayed = nearest->visits != 0;
  return false;
}

sweep::passage sweep::operate_until(const target& where, traced_child& victim) {
  passage state;
  const waypoint* const from = waypoint_before(where);
  if (!approach(from, victim, state)) return state;
  const bool counts_effects = where.measures() || where.effects != UINT64_MAX;
  const bool effect_is_next = counts_effects && from != nullptr && from->visits != 0;
  shared_effects effects(victim);
  std::unordered_map<std::uint64_t, std::uint64_t> visits;  // since the last system call
  std::size_t calls = 0;
  while (state.instructions < where.instructions && state.effects < where.effects) {
    state.address = victim.address();
    const bool was_call = victim.at_system_call();
    if (where.measures()) ++visits[state.address];
    progress made = victim.step();
    if (made == progress::blocked) {
      state.slept = true;
      if (where.inside_sleep) return state;
      if (!subject_.blocks()) {
        state.failure = "the operation sleeps";
        return state;
      }
      if (world_->survivor->ask("release", setup_limit) != "ok") {
        state.failure = "a survivor hangs in its operation beside the sleeping victim";
        return state;
      }
      made = victim.finish_blocked_step(hang_limit);
      if (made == progress::blocked) {
        state.failure = "the victim was not woken";
        return state;
      }
    }
    if (made == progress::marked) {
      state.complete = true;
      return state;
    }
    if (made == progress::ended) {
      state.failure = "the victim ended by itself";
      return state;
    }
    const bool changed = counts_effects && effects.after_step(was_call);
    if (effect_is_next && state.instructions == from->instructions) state.strayed = !changed;
    if (where.measures() && changed && !was_call && visits[state.address] <= visits_max)
      state.waypoints.push_back(
          {calls, state.address, visits[state.address], state.instructions, state.effects});
    ++state.instructions;
    state.effects += changed;
    if (where.measures() && was_call) {
      state.waypoints.push_back({++calls, 0, 0, state.instructions, state.effects});
      visits.clear();
    }
  }
  state.address = victim.address();
  return state;
}

void sweep::tear_down(sweep_report& report) {
  if (world_) {
    if (world_->sleeper && world_->sleeper->ask("finish", setup_limit) != "ok")
      report.failures.push_back("the sleeper cannot leave");
    if (const auto answer = world_->survivor->ask("finish", setup_limit); answer != "ok")
      report.failures.push_back("the survivor cannot leave: " + answer.value_or("hangs"));
    world_.reset();
  }
  const bool clean_so_far = report.failures.empty();
  // Called in any case: it also removes what it finds.
  const std::string left = subject_.leftovers();
  if (clean_so_far && !left.empty()) report.failures.push_back("left behind: " + left);
}

}  // namespace hawser::test::killpoint
