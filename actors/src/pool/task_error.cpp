#include <hawser/actors/task_error.hpp>

namespace hawser::actors {
namespace {

std::string task(const std::string& function, std::size_t index) {
  return "task " + std::to_string(index) + " of " + function;
}

}  // namespace

task_error::task_error(std::string type, std::string message, std::string function,
                       std::size_t index)
    : std::runtime_error(type + ": " + message + " (" + task(function, index) + ")"),
      type_(std::move(type)),
      message_(std::move(message)),
      function_(std::move(function)),
      index_(index) {}

task_error::task_error(in_words words, std::string type, std::string function, std::size_t index)
    : std::runtime_error(words.text),
      type_(std::move(type)),
      message_(words.text),
      function_(std::move(function)),
      index_(index) {}

worker_lost::worker_lost(pid_t pid, exit_status status, unsigned attempts, std::string function,
                         std::size_t index)
    : task_error(in_words{task(function, index) + " was tried " + std::to_string(attempts) +
                          (attempts == 1 ? " time" : " times") + "; worker " + std::to_string(pid) +
                          " " + to_string(status)},
                 "hawser::actors::worker_lost", function, index),
      pid_(pid),
      status_(std::move(status)),
      attempts_(attempts) {}

task_timeout::task_timeout(std::string function, std::size_t index)
    : task_error(in_words{task(function, index) + " took longer than its timeout"},
                 "hawser::actors::task_timeout", function, index) {}

task_cancelled::task_cancelled(std::string why, std::string function, std::size_t index)
    : task_error(in_words{task(function, index) + ": " + why}, "hawser::actors::task_cancelled",
                 function, index) {}

}  // namespace hawser::actors
