#include "book.hpp"

#include <algorithm>

namespace hawser::test {

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
