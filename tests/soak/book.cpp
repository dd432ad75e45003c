#include "book.hpp"

#include <algorithm>
#include <numeric>

namespace hawser::test {

soak_book::counter& soak_book::committed_in(const std::string& channel) {
  channels_.push_back(channel);
  return page_[0].committed.at(channels_.size() - 1);
}

std::uint64_t soak_book::committed_count() {
  return std::accumulate(page_[0].committed.begin(), page_[0].committed.end(), std::uint64_t{0});
}

std::string soak_book::committed_by_channel() {
  std::string words;
  for (std::size_t i = 0; i < channels_.size(); ++i)
    words += (i == 0 ? "" : ", ") + channels_[i] + " " + std::to_string(page_[0].committed[i]);
  return words;
}

void soak_book::add(wrong what, std::uint64_t n, const std::string& words) {
  if (n == 0) return;
  page& p = page_[0];
  p.wrongs[static_cast<std::size_t>(what)].fetch_add(n);
  if (!p.said.exchange(true))
    std::copy_n(words.data(), std::min(words.size(), p.words.size() - 1), p.words.data());
}

bool soak_book::clean() {
  return std::all_of(page_[0].wrongs.begin(), page_[0].wrongs.end(),
                     [](const auto& n) { return n == 0; });
}

}  // namespace hawser::test
