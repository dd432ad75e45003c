// Two actors in two processes that say Ping and Pong in turn.
//
//   ping_pong [--words 10]
//
//   Ping from process 4711
//   Pong from process 4712
//   ...
//   10 words
//
// The exit status is 0 if every word was said, in turn.
#include "stop_signals.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/actors/transport.hpp>

#include <CLI/CLI.hpp>
#include <caf/all.hpp>

#include <chrono>
#include <iostream>
#include <string>

#include <unistd.h>

using namespace hawser;
using namespace std::chrono_literals;

namespace {

// Both processes print into the same output: each has done so before the other one hears of it.
void say(const std::string& word) {
  std::cout << word + " from process " + std::to_string(::getpid()) + "\n" << std::flush;
}

/// Says a word when it is told how many have been said, and answers how many there are now.
caf::behavior ponger(caf::event_based_actor*) {
  return {[](int said) {
    say("Pong");
    return said + 1;
  }};
}

struct ping_state {
  int said = 0;
};

/// Says a word whenever the other one has, until there are enough.
caf::behavior pinger(hawser::actors::stateful_actor<ping_state>* self, const caf::actor& pong,
                     int words) {
  self->link_to(pong);  // without it there is nobody to talk to
  return {[=](int said) {
    self->state.said = said;
    if (said == words) return self->quit();
    say("Ping");
    self->state.said = said + 1;
    if (said + 1 == words) return self->quit();
    self->request(pong, caf::infinite, said + 1).then([=](int now) { self->send(self, now); });
  }};
}

struct group_config : actors::config {
  explicit group_config(const std::string& group) { transport.group = group; }
};

}  // namespace

// The other process: it ends when this actor does, and this one when the first process does.
void pong(std::string group) {
  examples::leave_stopping_to_the_parent();
  group_config config{group};
  caf::actor_system system{config};
  actors::transport(system).publish(system.spawn(ponger), "pong");
  system.await_all_actors_done();
}
HAWSER_PROCESS(pong);

int main(int argc, char** argv) try {
  if (const auto status = actors::run_as_child(argc, argv)) return *status;

  int words = 10;
  CLI::App app{"Two actors in two processes say Ping and Pong in turn"};
  app.add_option("--words", words, "How many words they say together")
      ->check(CLI::Range(1, 10'000'000));
  CLI11_PARSE(app, argc, argv);

  examples::block_stop_signals();  // before CAF starts threads
  const std::string group = "ping_pong." + std::to_string(::getpid());
  group_config config{group};
  caf::actor_system system{config};
  auto& host = actors::transport(system);
  const auto child = actors::process::spawn(pong, group);

  const auto other = host.lookup("pong", 10s);
  const auto ping = system.spawn(pinger, other, words);
  const examples::stop_signals stop{
      [ping](int) { caf::anon_send_exit(ping, caf::exit_reason::user_shutdown); }};
  caf::scoped_actor self{system};
  self->monitor(ping);
  self->send(ping, 0);
  caf::error reason;
  self->receive([&](caf::down_msg& down) { reason = std::move(down.reason); });
  if (stop.received() != 0) return 128 + stop.received();
  if (reason) {
    std::cerr << "ping_pong: " << hawser::actors::render(system, reason) << '\n';
    return 1;
  }
  std::cout << words << " words\n";
  return 0;
} catch (const std::exception& failed) {
  std::cerr << "ping_pong: " << failed.what() << '\n';
  return 1;
}
