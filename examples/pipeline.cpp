// Documents go through a pipeline: they are cleaned, their features extracted by several processes, and
// summed up, while a table says how each stage gets on.
//
//   pipeline [--documents 2000] [--extractors 3] [--broken-every 500] [--kill-every MS]
//            [--show-every 250] [--unordered]
//
//   stage        workers       waiting       done   dead  per second  busy  stuck deaths
//   clean              1         64/64       1018      2        2033    8%    88%      0
//   extract            3         64/64        951      0        1899   98%     1%      2  <- bottleneck
//   score              1          0/64        951      0        1899    1%     0%      0
//   ...
//   dead letter: document 499: std::invalid_argument: it has no text (task 499 of clean)
//   ...
//   documents 2000 results 1996 dead 4 kills 3
//
// With --kill-every a worker chosen at random is killed (SIGKILL) at once, and then that often, though not
// before 20 documents have come out since the last time: a machine that starts processes more slowly than
// they are killed would get nothing done. What it had in hand is worked on by another one. The exit status
// is 0 if each document has exactly one outcome, just the broken ones are dead letters, and the sums are
// those of doing it all here, one after the other.
#include "stop_signals.hpp"
#include <hawser/actors/pipeline.hpp>
#include <hawser/actors/process.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <mutex>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <syncstream>
#include <thread>
#include <utility>
#include <vector>

using namespace hawser;

struct document {
  std::uint32_t number = 0;
  std::string text;
};
template <class Inspector>
auto inspect(Inspector& f, document& x) {
  HAWSER_INSPECT(f, "document", x.number, x.text);
}

struct features {
  std::uint64_t documents = 0, words = 0, distinct = 0, letters = 0, longest = 0, checksum = 0;
  friend bool operator==(const features&, const features&) = default;
};
template <class Inspector>
auto inspect(Inspector& f, features& x) {
  HAWSER_INSPECT(f, "features", x.documents, x.words, x.distinct, x.letters, x.longest, x.checksum);
}

document clean(document it) {
  if (it.text.empty()) throw std::invalid_argument("it has no text");
  for (char& c : it.text) {
    const auto byte = static_cast<unsigned char>(c);
    c = std::isalpha(byte) ? static_cast<char>(std::tolower(byte)) : ' ';
  }
  return it;
}
HAWSER_TASK(clean);

features extract(const document& it) {
  features found{.documents = 1};
  std::set<std::string> seen;
  std::istringstream words{it.text};
  for (std::string word; words >> word; ++found.words) {
    found.letters += word.size();
    found.longest = std::max<std::uint64_t>(found.longest, word.size());
    for (int round = 0; round < 250; ++round)  // as much work as a real feature is
      for (const char c : word)
        found.checksum = found.checksum * 31 + static_cast<std::uint64_t>(c);
    seen.insert(std::move(word));
  }
  found.distinct = seen.size();
  return found;
}
HAWSER_TASK(extract);

namespace {

struct wishes {
  std::uint32_t documents = 2000;
  std::size_t extractors = 3;
  std::uint32_t broken_every = 500;
  int kill_every_ms = 0, show_every_ms = 250;
  bool unordered = false;
};

std::vector<document> make_documents(const wishes& wish) {
  std::mt19937 random{42};
  std::vector<document> all(wish.documents);
  for (std::uint32_t i = 0; i < wish.documents; ++i) {
    all[i].number = i;
    if (wish.broken_every != 0 && (i + 1) % wish.broken_every == 0) continue;
    for (std::uint64_t words = 100 + random() % 400; words > 0; --words) {
      for (std::uint64_t letters = 2 + random() % 9; letters > 0; --letters)
        all[i].text += static_cast<char>((random() % 8 == 0 ? 'A' : 'a') + random() % 26);
      all[i].text += random() % 10 == 0 ? ". " : " ";
    }
  }
  return all;
}

void add(features& sum, const features& one) {
  sum.documents += one.documents;
  sum.words += one.words;
  sum.distinct += one.distinct;
  sum.letters += one.letters;
  sum.longest = std::max(sum.longest, one.longest);
  sum.checksum += one.checksum;
}

/// What is to come out.
features one_after_the_other(const std::vector<document>& documents) {
  features sum;
  for (const document& one : documents)
    if (!one.text.empty()) add(sum, extract(clean(one)));
  return sum;
}

/// Does something again and again, until it ends.
class every {
 public:
  template <class What>
  every(std::chrono::milliseconds pause, What what)
      : thread_{[this, pause, what = std::move(what)](const std::stop_token& stops) mutable {
          std::unique_lock hold{mutex_};
          while (!wake_.wait_for(hold, stops, pause, [&] { return stops.stop_requested(); }))
            what();
        }} {}

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

using document_line = actors::running_pipeline<document, features>;

/// The pipeline that Ctrl-C ends, while there is one.
class stoppable {
 public:
  class guard {
   public:
    guard(stoppable& of, document_line& line) : of_(of) {
      const std::scoped_lock hold{of_.mutex_};
      of_.line_ = &line;
      if (of_.stopped_) line.terminate();
    }
    guard(const guard&) = delete;
    ~guard() {
      const std::scoped_lock hold{of_.mutex_};
      of_.line_ = nullptr;
    }

   private:
    stoppable& of_;
  };
  void stop() {
    const std::scoped_lock hold{mutex_};
    stopped_ = true;
    if (line_ != nullptr) line_->terminate();
  }

 private:
  std::mutex mutex_;
  bool stopped_ = false;
  document_line* line_ = nullptr;
};

struct outcomes {
  std::vector<int> times;  // of each document
  features sum;
  std::uint64_t results = 0, dead = 0;
  int kills = 0;
  bool letters_are_right = true;
};

void take_all(document_line& line, const std::vector<document>& documents, const wishes& wish,
              outcomes& all) {
  std::mt19937 random{std::random_device{}()};
  const every shows{std::chrono::milliseconds{wish.show_every_ms}, [&] {
                      std::osyncstream{std::cout} << to_string(line.recent_metrics()) << std::flush;
                    }};
  std::atomic<std::uint64_t> come_out{0};
  auto hit = [&, next = std::uint64_t{0}]() mutable {
    if (wish.kill_every_ms == 0 || come_out < next) return;
    const auto pids = line.worker_pids();
    if (pids.empty()) return;
    next = come_out + 20;
    all.kills += ::kill(pids[random() % pids.size()], SIGKILL) == 0;
  };
  hit();
  const every hits{std::chrono::milliseconds{std::max(wish.kill_every_ms, 1)}, hit};
  for (auto& done : line.run(documents)) {
    ++come_out;
    ++all.times[done.index];
    if (done) {
      ++all.results;
      add(all.sum, done.get());
      continue;
    }
    ++all.dead;
    const auto letter = done.letter<document>();
    all.letters_are_right = all.letters_are_right && letter && letter->text.empty();
    std::osyncstream{std::cout} << "dead letter: document " << done.index << ": " << done.words()
                                << std::endl;
  }
}

int run(const wishes& wish) {
  stoppable now;
  const examples::stop_signals stop{[&](int) { now.stop(); }};
  const auto documents = make_documents(wish);
  outcomes all;
  all.times.assign(documents.size(), 0);
  try {
    document_line line =
        actors::pipeline<document>{{.name = "documents", .ordered = !wish.unordered}}
            .stage("clean", {.retries = 20}, clean)
            .stage("extract", {.workers = wish.extractors, .retries = 20}, extract)
            .stage("score", {}, [](const features& it) { return it; })
            .start();
    const stoppable::guard guard{now, line};
    take_all(line, documents, wish, all);
    std::cout << to_string(line.metrics());
  } catch (const error&) {
    if (stop.received() == 0) throw;
  }
  if (stop.received() != 0) return 128 + stop.received();
  const bool right =
      all.letters_are_right && all.sum == one_after_the_other(documents) &&
      std::all_of(all.times.begin(), all.times.end(), [](int times) { return times == 1; });
  std::cout << "documents " << documents.size() << " results " << all.results << " dead "
            << all.dead << " kills " << all.kills << '\n';
  return right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  if (const auto status = actors::run_as_child(argc, argv)) return *status;
  wishes wish;
  CLI::App app{"Documents through a pipeline of processes and threads"};
  app.name("pipeline");
  app.add_option("--documents", wish.documents, "How many")
      ->capture_default_str()
      ->check(CLI::Range(1U, 1'000'000U));
  app.add_option("--extractors", wish.extractors, "Processes that extract features")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{100}));
  app.add_option("--broken-every", wish.broken_every, "Each so manyth document is broken; 0: none")
      ->capture_default_str();
  app.add_option("--kill-every", wish.kill_every_ms, "Kills a worker so often at most, in ms")
      ->check(CLI::PositiveNumber);
  app.add_option("--show-every", wish.show_every_ms, "Shows the table so often, in ms")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_flag("--unordered", wish.unordered, "Outcomes come as they are ready");
  CLI11_PARSE(app, argc, argv);
  examples::block_stop_signals();
  return run(wish);
} catch (const std::exception& failed) {
  std::cerr << "pipeline: " << failed.what() << '\n';
  return 1;
}
