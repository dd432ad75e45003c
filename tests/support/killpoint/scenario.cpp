#include "scenario.hpp"

#include "process_state.hpp"
#include "servant.hpp"

#include <sstream>

namespace hawser::test::killpoint {

std::string verdict::to_text() const {
  return std::to_string(outcome) + " " + std::to_string(slowest.count()) + " " + failure;
}

verdict verdict::from_text(const std::string& text) {
  verdict result;
  std::istringstream in(text);
  std::int64_t slowest = 0;
  if (!(in >> result.outcome >> slowest)) {
    result.failure = text;  // an exception's words
    return result;
  }
  result.slowest = std::chrono::microseconds{slowest};
  in.get();
  std::getline(in, result.failure, '\0');
  return result;
}

bool scenario::is_dozing(pid_t sleeper, int /*object*/) {
  return is_asleep_on_shared_futex(sleeper);
}

std::string scenario::outcome_words(int outcome) const {
  if (outcomes() == 1) return "as it was";
  if (outcome == 0) return "not begun";
  return outcome == outcomes() - 1 ? "done" : "done in part";
}

std::optional<std::string> sleeper_news::wait(std::chrono::milliseconds limit) {
  if (!text_) text_ = receive_text(end_, limit);
  return text_;
}

}  // namespace hawser::test::killpoint
