#include "part.hpp"

namespace hawser::test {

std::vector<std::unique_ptr<soak_part>> soak_parts(soak_book& book, const std::string& name,
                                                   std::size_t workers, std::size_t seconds) {
  std::vector<std::unique_ptr<soak_part>> all;
  all.push_back(queue_part(book, name + ".queue", workers, seconds));
  return all;
}

}  // namespace hawser::test
