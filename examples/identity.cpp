// Who am I, and who started me? A program, the processes it starts, and an actor in one of them
// say their names, process ids, parents and threads.
//
//   identity [--children 2]
//
//   program identity: process 4711, parent 4242, main thread 4711
//   child child-1: process 4712, parent 4711, main thread 4712
//   child child-2: process 4713, parent 4711, main thread 4713
//   actor introduction: process 4714, parent 4711, thread 4717, actor 9
//   program identity: process 4711 saw 3 processes end
//
// The exit status is 0 if everybody said what the program knows about them.
#include "stop_signals.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/actors/this_process.hpp>
#include <hawser/shm/queue.hpp>

#include <CLI/CLI.hpp>
#include <caf/event_based_actor.hpp>

#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

using namespace hawser;

/// What one process says about itself.
struct identity {
  pid_t process = actors::this_process::pid();
  pid_t parent = actors::this_process::parent_pid();
  pid_t thread = actors::this_process::thread_id();
  std::uint64_t actor = 0;
};

// Function style.
void introduce(std::string answers_name) {
  examples::leave_stopping_to_the_parent();
  shm::queue<identity> answers{open_only, answers_name};
  answers.push(identity{});
}
HAWSER_PROCESS(introduce);

// Class style: the process is one actor, and ends with it.
class introduction : public caf::event_based_actor {
 public:
  introduction(caf::actor_config& config, const std::string& answers_name)
      : caf::event_based_actor(config), answers_(open_only, answers_name) {
    examples::leave_stopping_to_the_parent();
  }

 private:
  caf::behavior make_behavior() override {
    identity mine;
    mine.actor = id();
    answers_.push(mine);
    return {};  // nothing to wait for: the actor is done
  }

  shm::queue<identity> answers_;
};
HAWSER_PROCESS_ACTOR(introduction, std::string);

int main(int argc, char** argv) try {
  if (const auto status = actors::run_as_child(argc, argv)) return *status;

  unsigned child_count = 2;
  CLI::App app{"A program, its child processes and an actor say who they are"};
  app.add_option("--children", child_count, "Processes to start")->check(CLI::Range(1, 100));
  CLI11_PARSE(app, argc, argv);

  shm::remove_stale("identity.");
  const identity mine;
  const std::string name = "identity." + std::to_string(mine.process);
  shm::queue<identity> answers{create_only, name, {.capacity = 1}};
  const examples::stop_signals interruption{[&](int) { answers.close(); }};
  std::cout << "program " << actors::this_process::name() << ": process " << mine.process
            << ", parent " << mine.parent << ", main thread " << mine.thread << std::endl;

  bool right = true;
  unsigned ended = 0;
  const auto meet = [&](const char* kind, const actors::process& other) {
    const auto said = answers.pop();
    if (!said) return;  // interrupted
    std::cout << kind << ' ' << other.name() << ": process " << said->process << ", parent "
              << said->parent << (said->actor == 0 ? ", main thread " : ", thread ")
              << said->thread;
    if (said->actor != 0) std::cout << ", actor " << said->actor;
    std::cout << std::endl;
    const auto status = other.join();
    right = right && status.success() && said->process == other.pid() &&
            said->parent == mine.process && (said->thread == said->process) == (said->actor == 0);
    ++ended;
  };
  for (unsigned i = 1; i <= child_count && !answers.closed(); ++i)
    meet("child", actors::process::spawn({.name = "child-" + std::to_string(i)}, introduce, name));
  if (!answers.closed()) meet("actor", actors::process::spawn<introduction>(name));

  if (interruption.received() != 0) return 128 + interruption.received();
  std::cout << "program " << actors::this_process::name() << ": process " << mine.process << " saw "
            << ended << " processes end" << std::endl;
  return right && ended == child_count + 1 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "identity: " << error.what() << '\n';
  return 1;
}
