#include "pipeline_scenario.hpp"

#include "../raw_segment.hpp"
#include "../suites.hpp"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace hawser::test {

using namespace actors::detail;
using killpoint::verdict;
using clock = std::chrono::steady_clock;

namespace {

constexpr std::uint64_t number = 7;
constexpr unsigned retries = 1;
enum worker : std::size_t { victim, survivor };

}  // namespace

std::vector<pipeline_case> pipeline_cases() {
  using enum pipeline_case::ending;
  return {
      {.name = "work.value", .how = value},
      {.name = "work.thrown", .how = thrown},
      {.name = "work.lost", .how = lost},
  };
}

std::string pipeline_scenario::outcome_words(int outcome) const {
  constexpr const char* words[] = {"worked on by the next", "handed on twice, one number",
                                   "handed on once"};
  return words[outcome];
}

pipeline_scenario::view::view(const std::string& name, bool creates) {
  shm::queue_options options;
  options.capacity = 4;
  options.message_bytes_max = 2 * dead_letter_bytes;
  const auto open = [&](auto& queue, const char* which) {
    if (creates) queue.emplace(create_only, name + which, options);
    else queue.emplace(open_only, name + which);
  };
  open(given, ".0");
  open(next, ".1");
  open(results, ".2");
  if (creates) slots.emplace(create_only, name + ".workers", 2 * stage_slot::words);
  else slots.emplace(open_only, name + ".workers");
}

std::span<std::uint64_t> pipeline_scenario::view::slot(std::size_t worker) const {
  return slots->span().subspan(worker * stage_slot::words, stage_slot::words);
}

void pipeline_scenario::view::work(const pipeline_case& it, std::size_t worker) {
  const std::atomic<bool> never{false};
  work_on_stage(
      {*given, *next, *results, slot(worker), 0, retries, "the next one"},
      [&](byte_source from, byte_buffer& result) {
        if (it.how == pipeline_case::thrown) throw std::runtime_error("it is broken");
        result.insert(result.end(), from.data, from.data + from.size);
      },
      never);
}

void pipeline_scenario::arrange(int object) {
  finish();
  own_ = std::make_unique<view>(unique_ + "." + std::to_string(object), true);
  byte_buffer message;
  begin_message(message, number, message_kind::value);
  message.push_back('x');
  if (own_->given->push(message) != shm::push_status::ok) throw std::runtime_error("push");
  if (case_.how == pipeline_case::lost)  // as if workers had died of it
    for (unsigned i = 0; i <= retries; ++i) own_->given->lease().nack();
  own_->given->close();  // a worker ends when it has done this one
}

void pipeline_scenario::enter(int object) {
  victims_ = std::make_unique<view>(unique_ + "." + std::to_string(object), false);
}

void pipeline_scenario::operate() { victims_->work(case_, victim); }

std::optional<int> pipeline_scenario::count() const {
  const bool lives = case_.how == pipeline_case::value;
  auto &expected = lives ? *own_->next : *own_->results,
       &other = lives ? *own_->results : *own_->next;
  if (other.size() != 0) return std::nullopt;
  int times = 0;
  while (const auto bytes = expected.try_pop()) {
    const auto message = read_message(bytes->data(), bytes->size());
    if (message.number != number) return std::nullopt;
    const auto kind = lives                                ? message_kind::value
                      : case_.how == pipeline_case::thrown ? message_kind::thrown
                                                           : message_kind::lost;
    if (message.kind != kind) return std::nullopt;
    const byte_source rest = lives ? message.rest : read_dead_letter(message).letter;
    if (rest.size != 1 || *rest.data != 'x') return std::nullopt;
    ++times;
  }
  return times;
}

verdict pipeline_scenario::check(killpoint::sleeper_news&, bool complete) {
  verdict found;
  const auto begin = clock::now();
  own_->work(case_, survivor);
  found.slowest = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - begin);
  const auto by = [&](worker which) {
    const auto now = read_slot(own_->slot(which));
    return now.done + now.dead;
  };
  const auto times = count();
  if (!times) return found.failure = "something else has come out", found;
  if (*times == 0) return found.failure = "it is lost", found;
  if (*times > 2 || by(victim) > 1 || by(survivor) > 1)
    return found.failure = "it was worked on too often", found;
  if (complete && read_slot(own_->slot(victim)).message != 0)
    found.failure = "who has ended is said to be at work";
  found.outcome = *times == 2 ? 1 : by(survivor) != 0 ? 0 : 2;
  return found;
}

std::string pipeline_scenario::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

suite pipeline_suite() {
  return {"pipeline",
          [](scenario_list& all, const std::string& unique) {
            for (const pipeline_case& c : pipeline_cases())
              all.push_back(std::make_unique<pipeline_scenario>(
                  c, unique + "." + std::to_string(all.size())));
          },
          {}};
}

}  // namespace hawser::test
