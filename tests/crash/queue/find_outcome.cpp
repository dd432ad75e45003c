// Holds what came out of a queue against what is allowed to.

#include "queue_scenario.hpp"

#include <algorithm>

namespace hawser::test {
namespace {

std::vector<std::uint64_t> expected(const queue_outcome& outcome,
                                    const std::vector<std::uint64_t>& pushed_after) {
  std::vector<std::uint64_t> all = outcome.messages;
  all.insert(all.end(), pushed_after.begin(), pushed_after.end());
  return all;
}

bool matches(const std::vector<std::uint64_t>& wanted, const std::vector<delivery>& got) {
  std::vector<std::uint64_t> ids, sorted = wanted;
  for (const delivery& d : got) ids.push_back(d.id);
  std::sort(ids.begin(), ids.end());
  std::sort(sorted.begin(), sorted.end());
  if (ids != sorted) return false;
  auto position = wanted.begin();
  for (const delivery& d : got) {
    if (d.attempts > 1) continue;
    position = std::find(position, wanted.end(), d.id);
    if (position == wanted.end()) return false;
  }
  return true;
}

std::string words_of(const std::vector<std::uint64_t>& ids) {
  std::string words = "[";
  for (const std::uint64_t id : ids) {
    if (words.size() > 1) words += ' ';
    words += id == UINT64_MAX ? "torn" : std::to_string(id);
  }
  return words + "]";
}

}  // namespace

int find_outcome(const std::vector<queue_outcome>& allowed, const std::vector<delivery>& got,
                 const std::vector<std::uint64_t>& pushed_after,
                 const std::vector<std::uint64_t>& letters, bool closed) {
  for (std::size_t i = 0; i < allowed.size(); ++i)
    if (allowed[i].closed == closed && allowed[i].letters == letters &&
        matches(expected(allowed[i], pushed_after), got))
      return static_cast<int>(i);
  return -1;
}

std::string describe(const std::vector<queue_outcome>& allowed, const std::vector<delivery>& got,
                     const std::vector<std::uint64_t>& pushed_after,
                     const std::vector<std::uint64_t>& letters, bool closed) {
  std::vector<std::uint64_t> ids;
  for (const delivery& d : got) ids.push_back(d.id);
  std::string words = "delivered " + words_of(ids);
  if (!letters.empty()) words += " letters " + words_of(letters);
  if (closed) words += " closed";
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    words += (i == 0 ? ", allowed " : " or ") + words_of(expected(allowed[i], pushed_after));
    if (!allowed[i].letters.empty()) words += " letters " + words_of(allowed[i].letters);
    if (allowed[i].closed) words += " closed";
  }
  return words;
}

}  // namespace hawser::test
