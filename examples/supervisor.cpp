// A small tree that heals: a process that is killed comes back within milliseconds, what it wrote
// last is shown, and those that depend on it are started anew.
//
//   supervisor [--kills 3]

#include "stop_signals.hpp"
#include <hawser/actors/supervisor.hpp>
#include <hawser/actors/this_process.hpp>
#include <hawser/shm/error.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <csignal>
#include <functional>
#include <iostream>
#include <stop_token>
#include <string>
#include <utility>

#include <unistd.h>

namespace {

using namespace hawser::actors;
using namespace std::chrono_literals;
using kind = supervisor_event::kind;

/// Opens what it needs, says that it is ready, and works until it is told to end.
void work(const std::string& what) {
  examples::leave_stopping_to_the_parent();
  std::cerr << what << " is open\n";
  this_process::ready();
  for (;;) pause();
}
HAWSER_PROCESS(work);

/// Prints what happens, and kills the journal whenever the index, which comes last, has started.
/// Events come one at a time.
class healing {
 public:
  explicit healing(int kills) : kills_left_(kills) {}
  void when_done(std::function<void()> call) { done_ = std::move(call); }
  /// Once the supervisor has ended.
  int died() const { return died_; }

  void operator()(const supervisor_event& event) {
    std::cout << to_string(event) << std::endl;
    if (event.child == "storage/journal" && event.what == kind::started) journal_ = event.pid;
    if (event.child == "storage/journal" && event.end.kind == end_kind::signal) ++died_;
    if (event.child != "storage/index" || event.what != kind::started) return;
    if (kills_left_-- > 0) kill(journal_, SIGKILL);
    else done_();
  }

 private:
  std::function<void()> done_;
  pid_t journal_ = 0;
  int kills_left_, died_ = 0;
};

int run(int kills) {
  supervisor storage{rest_for_one, {.restarts = 100, .backoff = {.longest = 50ms}}};
  const process_child_options options{.await_ready = true, .keep_lines = 5, .pass_on = false};
  storage.process("journal", options, work, "the journal")
      .process("index", options, work, "the index");
  healing seen{kills};
  supervisor tree;
  tree.process("web", options, work, "the port")
      .subtree("storage", std::move(storage))
      .on_event([&](const supervisor_event& event) { seen(event); });

  std::stop_source end;
  seen.when_done([&] { end.request_stop(); });
  const examples::stop_signals stop{[&](int) { end.request_stop(); }};
  bool in_order = false;
  try {
    in_order = tree.run(end.get_token()).kind == end_kind::stopped;
  } catch (const std::exception&) {
    if (stop.received() == 0) throw;  // else it was stopped while it started
  }
  if (stop.received() != 0) return 128 + stop.received();
  std::cout << "killed " << kills << " died " << seen.died() << '\n';
  return in_order && seen.died() == kills ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto status = run_as_child(argc, argv)) return *status;
  examples::block_stop_signals();
  CLI::App app{"Kills a supervised process, and shows how it comes back."};
  int kills = 3;
  app.add_option("--kills", kills, "How often")->capture_default_str()->check(CLI::Range(0, 99));
  CLI11_PARSE(app, argc, argv);
  try {
    return run(kills);
  } catch (const std::exception& failed) {
    std::cerr << "supervisor: " << failed.what() << '\n';
    return 1;
  }
}
