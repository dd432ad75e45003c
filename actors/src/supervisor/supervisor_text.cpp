// In words.
#include <hawser/actors/child_end.hpp>
#include <hawser/actors/supervisor_event.hpp>

#include <chrono>
#include <string>

namespace hawser::actors {
namespace {

/// `10 s`, `0.25 s`, `20 ms`.
std::string readable(std::chrono::milliseconds time) {
  if (time.count() < 1000) return std::to_string(time.count()) + " ms";
  std::string text = std::to_string(time.count() / 1000);
  if (const auto rest = time.count() % 1000; rest != 0) {
    std::string fraction = std::to_string(1000 + rest).substr(1);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text.append(".").append(fraction);
  }
  return text + " s";
}

std::string with_pid(const std::string& name, pid_t pid) {
  const std::string shown = name.empty() ? "supervisor" : name;
  return pid == 0 ? shown : shown + " (pid " + std::to_string(pid) + ")";
}

}  // namespace

std::string to_string(end_kind kind) {
  switch (kind) {
    case end_kind::normal: return "normal";
    case end_kind::stopped: return "stopped";
    case end_kind::code: return "code";
    case end_kind::exception: return "exception";
    case end_kind::signal: return "signal";
    case end_kind::out_of_memory: return "out of memory";
    case end_kind::hung: return "hung";
    case end_kind::start_failed: return "start failed";
    case end_kind::gave_up: return "gave up";
    case end_kind::unknown: break;
  }
  return "unknown";
}

std::string to_string(const child_end& end) {
  std::string text = with_pid(end.name, end.pid) + ": ";
  if (end.kind == end_kind::stopped) text += "stopped: ";
  if (end.kind == end_kind::out_of_memory) text += "out of memory: ";
  return text + end.text;
}

std::string to_string(const supervisor_event& event) {
  switch (event.what) {
    case supervisor_event::kind::started: return with_pid(event.child, event.pid) + " has started";
    case supervisor_event::kind::ended: {
      std::string text = to_string(event.end);
      for (const std::string& line : event.end.last_output) text.append("\n  | ").append(line);
      return text;
    }
    case supervisor_event::kind::restarting:
      return event.child + ": restart in " + readable(event.delay) + ", " +
             std::to_string(event.restarts) + " of " + std::to_string(event.restarts_max) +
             " restarts within " + readable(event.within);
    case supervisor_event::kind::gave_up: break;
  }
  return with_pid(event.child, 0) + " gives up: more than " + std::to_string(event.restarts_max) +
         " restarts within " + readable(event.within) + "; the last was for " +
         to_string(event.end);
}

std::string to_string(child_state state) {
  switch (state) {
    case child_state::stopped: return "stopped";
    case child_state::starting: return "starting";
    case child_state::running: return "running";
    case child_state::waiting: return "waiting";
    case child_state::stopping: break;
  }
  return "stopping";
}

}  // namespace hawser::actors
