#include "matrix.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace hawser::test {
namespace {

constexpr const char* first_line = "<!-- crash matrix: begin -->\n";
constexpr const char* last_line = "<!-- crash matrix: end -->\n";

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

}  // namespace

void crash_matrix::add(const killpoint::scenario& subject, const killpoint::sweep_report& found) {
  // CHANNEL.OPERATION.SITUATION, see suites.hpp
  const auto first = found.name.find('.'), second = found.name.find_first_of(".+/", first + 1);
  const std::string channel = found.name.substr(0, first);
  const std::string operation = found.name.substr(first + 1, second - first - 1);
  auto to = std::find_if(rows_.begin(), rows_.end(), [&](const row& one) {
    return one.channel == channel && one.operation == operation;
  });
  if (to == rows_.end()) to = rows_.insert(rows_.end(), {channel, operation, 0, 0, 0, {}});
  ++to->situations;
  to->points += found.points;
  to->failures += found.failures.size();
  for (std::size_t i = 0; i < found.outcomes.size(); ++i) {
    const std::string words = subject.outcome_words(static_cast<int>(i));
    auto& all = to->outcomes;
    auto known =
        std::find_if(all.begin(), all.end(), [&](const outcome& o) { return o.words == words; });
    if (known == all.end()) known = all.insert(all.end(), {words, 0});
    known->times += found.outcomes[i];
  }
}

std::string crash_matrix::to_markdown() const {
  std::string text =
      "| channel | operation | situations | kill points | what the survivors found |\n"
      "|---|---|---|---|---|\n";
  for (const row& one : rows_) {
    text += "| " + one.channel + " | " + one.operation + " | " + grouped(one.situations) + " | " +
            grouped(one.points) + " | ";
    std::string outcomes;
    for (const outcome& o : one.outcomes)
      if (o.times != 0)
        outcomes += (outcomes.empty() ? "" : ", ") + o.words + " " + grouped(o.times);
    text += outcomes;
    if (one.failures != 0) text += ", **" + grouped(one.failures) + " failures**";
    text += " |\n";
  }
  return text;
}

void crash_matrix::write_into(const std::string& file) const {
  std::ifstream in{file};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  const auto begin = text.find(first_line), end = text.find(last_line);
  if (!in || begin == std::string::npos || end == std::string::npos || end < begin)
    throw std::runtime_error("cannot write the matrix into \"" + file + "\": it has no lines " +
                             first_line + "and " + last_line);
  const auto from = begin + std::string_view{first_line}.size();
  text.replace(from, end - from, to_markdown());
  std::ofstream out{file, std::ios::trunc};
  out << text;
  if (!out.flush()) throw std::runtime_error("cannot write \"" + file + "\"");
}

}  // namespace hawser::test
