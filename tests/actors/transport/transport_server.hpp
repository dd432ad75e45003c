/// A process that serves an echo. Each test program that starts it includes this once.
#pragma once

#include "transport_support.hpp"

#include <csignal>

namespace test {

/// Serves an echo under `name` until it is told to quit, or killed.
inline int server(std::string group, std::string name) {
  node own{group, [](auto& options) { options.ring_bytes = 64 * 1024; }};
  const auto served = own.system.spawn(echo);
  try {
    own.host.publish(served, name);
  } catch (const error&) {
    caf::anon_send_exit(served, caf::exit_reason::kill);  // its system waits for it
    throw;
  }
  own.system.await_all_actors_done();
  return 0;
}
HAWSER_PROCESS(server);

/// Stops it, and waits until it is.
inline bool stop(const actors::process& one) {
  one.signal(SIGSTOP);
  return eventually([&] {
    const std::string stat = contents("/proc/" + std::to_string(one.pid()) + "/stat");
    const auto name_end = stat.rfind(')');
    return name_end != std::string::npos && stat.substr(name_end, 3) == ") T";
  });
}

}  // namespace test
