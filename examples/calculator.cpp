// The classic distributed calculator: a client whose server is killed and started again.
//
//   calculator [--sums 1000] [--kills 3]      all of it, by itself
//   calculator serve                          a server, until Ctrl-C; start it in one terminal,
//   calculator ask 7 + 35                     and ask it in another one
//
//   server 4712 started
//   server 4712 was killed by signal 9 (Killed)
//   server 4720 started
//   ...
//   4000 sums, all of them right, by 4 servers; asked again: 0
//
// The exit status is 0 if every result was right.
#include "stop_signals.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/actors/transport.hpp>

#include <CLI/CLI.hpp>
#include <caf/all.hpp>

#include <atomic>
#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

using namespace hawser;
using namespace std::chrono_literals;

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(calculator_example, caf::first_custom_type_id)
  CAF_ADD_ATOM(calculator_example, words, add, "add")
  CAF_ADD_ATOM(calculator_example, words, subtract, "subtract")

using words::add;
using words::subtract;
using calculator = caf::typed_actor<actors::takes<add, int, int>::gives<int>,
                                    actors::takes<subtract, int, int>::gives<int>>;

  CAF_ADD_TYPE_ID(calculator_example, (calculator))
CAF_END_TYPE_ID_BLOCK(calculator_example)
// clang-format on

namespace {

calculator::behavior_type calculating() {
  return {[](add, int a, int b) { return a + b; }, [](subtract, int a, int b) { return a - b; }};
}

struct group_config : actors::config {
  explicit group_config(const std::string& group) {
    transport.group = group;
    actors::add_messages<caf::id_block::calculator_example>(*this);
  }
};

/// A request that its server's death has cost is asked again: a sum may be computed twice. Nothing:
/// it was answered with another error, or the program is to stop.
std::optional<int> ask(caf::scoped_actor& self, const calculator& server, char sign, int a, int b,
                       int& asked_again, const std::atomic<bool>& stopping) {
  std::optional<int> result;
  for (bool again = true; again && !result && !stopping;) {
    again = false;
    const auto got = [&](int x) { result = x; };
    const auto failed = [&](const caf::error& reason) {
      again = reason == actors::peer_error::killed || reason == actors::peer_error::exited ||
              reason == caf::sec::request_receiver_down || reason == caf::sec::request_timeout;
      if (again) ++asked_again;
      else std::cerr << "calculator: " << hawser::actors::render(self->system(), reason) << '\n';
    };
    if (sign == '+') self->request(server, 1s, words::add_v, a, b).receive(got, failed);
    else self->request(server, 1s, words::subtract_v, a, b).receive(got, failed);
  }
  return result;
}

int serve_until_stopped(const std::string& group) {
  examples::block_stop_signals();
  group_config config{group};
  caf::actor_system system{config};
  const auto server = system.spawn(calculating);
  try {
    actors::transport(system).publish(server, "calculator");
  } catch (...) {
    caf::anon_send_exit(server, caf::exit_reason::kill);  // the system waits for its actors
    throw;
  }
  std::cout << "serving in group " << group << "; Ctrl-C ends it" << std::endl;
  const examples::stop_signals stop{
      [server](int) { caf::anon_send_exit(server, caf::exit_reason::user_shutdown); }};
  system.await_all_actors_done();
  return stop.received() != 0 ? 128 + stop.received() : 0;
}

int ask_once(const std::string& group, int a, const std::string& what, int b) {
  group_config config{group};
  caf::actor_system system{config};
  // Waits for the server, and follows it, whoever starts and kills it meanwhile.
  const auto server = actors::transport(system).reconnecting<calculator>("calculator");
  caf::scoped_actor self{system};
  int asked_again = 0;
  const std::atomic<bool> stopping{false};
  const auto result = ask(self, server, what.front(), a, b, asked_again, stopping);
  if (!result) return 1;
  std::cout << a << ' ' << what << ' ' << b << " = " << *result << '\n';
  return 0;
}

}  // namespace

void server(std::string group) {
  examples::leave_stopping_to_the_parent();
  group_config config{group};
  caf::actor_system system{config};
  actors::transport(system).publish(system.spawn(calculating), "calculator");
  system.await_all_actors_done();
}
HAWSER_PROCESS(server);

namespace {

int demonstrate(int sums, int kills) {
  examples::block_stop_signals();
  const std::string group = "calculator." + std::to_string(::getpid());
  group_config config{group};
  caf::actor_system system{config};
  const auto handle = actors::transport(system).reconnecting<calculator>("calculator");
  std::atomic<bool> stopping{false};
  const examples::stop_signals stop{[&](int) { stopping = true; }};
  caf::scoped_actor self{system};
  int asked_again = 0, done = 0;
  actors::process now;
  const auto start = [&] {
    now = actors::process::spawn(server, group);
    std::cout << "server " << now.pid() << " started" << std::endl;
  };
  start();
  for (; done < sums * (kills + 1) && !stopping; ++done) {
    if (done != 0 && done % sums == 0) {
      now.kill();  // and what is asked from now on is not answered by it
      std::cout << "server " << now.pid() << " was " << to_string(now.join()) << std::endl;
      start();
    }
    const char sign = done % 2 == 0 ? '+' : '-';
    const auto result = ask(self, handle, sign, done, sums, asked_again, stopping);
    if (stopping) break;
    if (result != (sign == '+' ? done + sums : done - sums)) {
      std::cerr << "calculator: a wrong result, or none\n";
      return 1;
    }
  }
  if (stop.received() != 0) return 128 + stop.received();
  std::cout << done << " sums, all of them right, by " << kills + 1
            << " servers; asked again: " << asked_again << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  if (const auto status = actors::run_as_child(argc, argv)) return *status;

  int sums = 1000, kills = 3, a = 0, b = 0;
  std::string group = "calculator", what;
  CLI::App app{"A calculator whose server is another process, which may be killed"};
  app.add_option("--sums", sums, "To be computed by each server")->check(CLI::Range(1, 10'000'000));
  app.add_option("--kills", kills, "How many servers are killed")->check(CLI::Range(0, 1000));
  app.add_option("--group", group, "Of the server and who asks it");
  auto* const serve = app.add_subcommand("serve", "Serves until it is interrupted");
  auto* const once = app.add_subcommand("ask", "Asks the server, and waits until there is one");
  once->add_option("A", a)->required();
  once->add_option("OPERATOR", what, "+ or -")->required()->check(CLI::IsMember({"+", "-"}));
  once->add_option("B", b)->required();
  app.require_subcommand(0, 1);
  CLI11_PARSE(app, argc, argv);

  if (serve->parsed()) return serve_until_stopped(group);
  if (once->parsed()) return ask_once(group, a, what, b);
  return demonstrate(sums, kills);
} catch (const std::exception& failed) {
  std::cerr << "calculator: " << failed.what() << '\n';
  return 1;
}
