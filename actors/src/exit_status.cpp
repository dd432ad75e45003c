#include <hawser/actors/exit_status.hpp>

#include <cstring>

namespace hawser::actors {

std::string to_string(const exit_status& status) {
  if (const auto signal = status.signal()) {
    std::string text = "killed by signal " + std::to_string(*signal);
    // Not strsignal(): it translates, and its buffer is shared between threads for some numbers.
    if (const char* words = sigdescr_np(*signal)) text.append(" (").append(words).append(")");
    if (status.dumped_core()) text.append(", core dumped");
    return text;
  }
  if (const auto code = status.code()) {
    std::string text = "exited with " + std::to_string(*code);
    if (const auto escaped = status.exception())
      text.append(": ").append(escaped->type).append(": ").append(escaped->message);
    return text;
  }
  return "ended, nobody knows how";
}

}  // namespace hawser::actors
