#include "word_rule.hpp"

#include "count.hpp"
#include "descriptor.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace producer_consumer {

namespace {

constexpr byte_classes make_classes(word_rule rule) {
  byte_classes classes{};
  for (unsigned byte = 0; byte < classes.size(); ++byte) {
    const bool space = (byte >= '\t' && byte <= '\r') || byte == ' ' ||
                       (byte == 0xa0 && rule == word_rule::non_blank);
    const bool printable = byte > ' ' && byte < 0x7f;
    const bool word = printable || rule != word_rule::printable;
    classes[byte] = space ? byte_class::space : word ? byte_class::word : byte_class::neither;
  }
  return classes;
}

constexpr byte_classes printable_classes = make_classes(word_rule::printable);
constexpr byte_classes non_blank_classes = make_classes(word_rule::non_blank);
constexpr byte_classes non_space_classes = make_classes(word_rule::non_space);

struct pipe_ends {
  descriptor read;
  descriptor write;
  bool open() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) return false;
    read.reset(fds[0]);
    write.reset(fds[1]);
    return true;
  }
};

/// Waits until there is something to read, or its end. False: it was given up.
bool await_readable(int fd, const std::function<bool()>& give_up) {
  constexpr int look_every_ms = 20;
  pollfd waiting{fd, POLLIN, 0};
  while (::poll(&waiting, 1, look_every_ms) <= 0)
    if (give_up && give_up()) return false;
  return true;
}

/// Runs `LC_ALL=C wc -w` on `text`, which a pipe must be able to hold. Returns what it printed.
std::string run_wc(std::string_view text, const std::function<bool()>& give_up) {
  pipe_ends input;
  pipe_ends output;
  if (!input.open() || !output.open()) return {};
  // The text is in the pipe before anybody reads it: nobody can be sent a SIGPIPE for it.
  if (::write(input.write.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return {};
  input.write.reset();

  posix_spawn_file_actions_t actions;
  if (::posix_spawn_file_actions_init(&actions) != 0) return {};
  ::posix_spawn_file_actions_adddup2(&actions, input.read.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output.write.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  char name[] = "wc";
  char option[] = "-w";
  char* const arguments[] = {name, option, nullptr};
  std::string locale = "LC_ALL=C";
  std::vector<char*> environment{locale.data()};
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!std::string_view{*variable}.starts_with("LC_ALL=")) environment.push_back(*variable);
  environment.push_back(nullptr);
  pid_t child = -1;
  const int failed = ::posix_spawnp(&child, name, &actions, nullptr, arguments, environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  output.write.reset();
  if (failed != 0) return {};

  std::string printed;
  char buffer[64];
  while (printed.size() < sizeof buffer) {
    if (!await_readable(output.read.get(), give_up)) {
      ::kill(child, SIGKILL);
      break;
    }
    const ssize_t got = ::read(output.read.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    printed.append(buffer, static_cast<std::size_t>(got));
  }
  output.read.reset();
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return printed;
}

}  // namespace

const byte_classes& classes_of(word_rule rule) {
  switch (rule) {
    case word_rule::printable: return printable_classes;
    case word_rule::non_space: return non_space_classes;
    case word_rule::non_blank: break;
  }
  return non_blank_classes;
}

word_rule machine_rule(const std::function<bool()>& give_up) {
  // Each byte twice alone between blanks and once between two letters: one word if it is `neither`,
  // two if it is white space and three if it starts a word.
  std::string probe;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto character = static_cast<char>(byte);
    probe += {' ', character, ' ', character, ' ', 'a', character, 'a'};
  }
  const std::uint64_t words = std::strtoull(run_wc(probe, give_up).c_str(), nullptr, 10);
  for (const word_rule rule : word_rules) {
    counter ours{rule};
    ours.add(probe);
    if (ours.finish().words == words) return rule;
  }
  return word_rules.front();
}

}  // namespace producer_consumer
