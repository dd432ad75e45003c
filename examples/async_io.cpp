// Many things at once on one thread: coroutines that sleep, and coroutines that await messages,
// also those of another process. Five messages of 1 s each take 1 s in all.
//
//   async_io [--messages 5] [--delay-ms 1000]
//
//   process 4712 says hello 1
//   process 4712 says hello 2
//   process 4712 says hello 3
//   message 1 came after 1.00 s
//   message 2 came after 1.00 s
//   message 3 came after 1.00 s
//   message 4 came after 1.00 s
//   message 5 came after 1.00 s
//   5 messages of 1.00 s each and 3 of another process took 1.00 s on 1 thread
//
// The exit status is 0 if all came, on one thread, and in less time than two after each other. A
// compiler for which Boost.Asio has no coroutines (clang with Boost 1.74) makes a program that says
// so.
#include "stop_signals.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/shm/asio.hpp>
#include <hawser/shm/queue.hpp>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <set>
#include <string>
#include <thread>

#include <unistd.h>

#if defined(BOOST_ASIO_HAS_CO_AWAIT)
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

using namespace hawser;
namespace asio = boost::asio;
using seconds = std::chrono::duration<double>;

struct greeting {
  pid_t process = 0;
  int number = 0;
};

int greet(std::string name) {
  examples::leave_stopping_to_the_parent();
  shm::queue<greeting> greetings{open_only, name};
  for (int number = 1; number <= 3; ++number)
    if (greetings.push({::getpid(), number}) != shm::push_status::ok) return 1;
  greetings.close();
  return 0;
}
HAWSER_PROCESS(greet);

/// What the coroutines find out.
struct record {
  int messages = 0;
  int greetings = 0;
  std::set<std::thread::id> threads;
};

asio::awaitable<void> send_after(asio::steady_timer timer, shm::queue<int>& messages, int number) {
  co_await timer.async_wait(asio::use_awaitable);
  std::ignore = messages.try_push(number);
}

asio::awaitable<void> receive(shm::queue<int>& messages, int count,
                              std::chrono::steady_clock::time_point start, record& seen) {
  for (; seen.messages < count; ++seen.messages) {
    const auto number = co_await shm::async_pop(messages, asio::use_awaitable);
    if (!number) co_return;
    seen.threads.insert(std::this_thread::get_id());
    const seconds passed = std::chrono::steady_clock::now() - start;
    std::printf("message %d came after %.2f s\n", *number, passed.count());
  }
}

asio::awaitable<void> listen(shm::queue<greeting>& greetings, record& seen) {
  while (auto hello = co_await shm::async_lease(greetings, asio::use_awaitable)) {
    seen.threads.insert(std::this_thread::get_id());
    std::printf("process %d says hello %d\n", hello.message().process, hello.message().number);
    hello.ack();
    ++seen.greetings;
  }
}

int main(int argc, char** argv) try {
  if (const auto status = actors::run_as_child(argc, argv)) return *status;

  int count = 5;
  int delay_ms = 1000;
  CLI::App app{"Many messages at once on one thread"};
  app.add_option("--messages", count, "Delayed messages")->check(CLI::Range(1, 1000));
  app.add_option("--delay-ms", delay_ms, "How long each takes")->check(CLI::Range(1, 60'000));
  CLI11_PARSE(app, argc, argv);

  shm::remove_stale("async_io.");
  const std::string name = "async_io." + std::to_string(::getpid());
  shm::queue<int> messages{create_only, name + ".messages"};
  shm::queue<greeting> greetings{create_only, name + ".greetings"};
  asio::io_context scheduler;
  const examples::stop_signals interruption{[&](int) {
    greetings.close();
    scheduler.stop();
  }};
  auto greeter = actors::process::spawn(greet, greetings.name());

  record seen;
  const auto start = std::chrono::steady_clock::now();
  const auto end = start + std::chrono::milliseconds{delay_ms};
  for (int number = 1; number <= count; ++number) {
    asio::steady_timer timer{scheduler, end + std::chrono::microseconds{number}};  // in order
    asio::co_spawn(scheduler, send_after(std::move(timer), messages, number), asio::detached);
  }
  asio::co_spawn(scheduler, receive(messages, count, start, seen), asio::detached);
  asio::co_spawn(scheduler, listen(greetings, seen), asio::detached);
  scheduler.run();  // until every coroutine has ended

  const seconds took = std::chrono::steady_clock::now() - start, each{delay_ms / 1000.0};
  greeter.join();
  if (interruption.received() != 0) return 128 + interruption.received();
  std::printf("%d messages of %.2f s each and %d of another process took %.2f s on %zu thread\n",
              seen.messages, each.count(), seen.greetings, took.count(), seen.threads.size());
  const bool right = seen.messages == count && seen.greetings == 3 && seen.threads.size() == 1;
  return right && took < 2 * each ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "async_io: " << error.what() << '\n';
  return 1;
}

#else

int main(int argc, char** argv) {
  CLI::App app{"Many messages at once on one thread"};
  app.allow_extras();  // the options of the program that could have been
  CLI11_PARSE(app, argc, argv);
  std::cout << "async_io: this compiler has no coroutines for this version of Boost.Asio\n";
}

#endif
