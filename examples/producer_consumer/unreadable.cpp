#include "unreadable.hpp"

#include "one_line.hpp"

#include <cstdlib>
#include <cstring>

namespace producer_consumer {

void unreadable::add(const std::string& path, int error,
                     const std::function<void(const std::string&)>& say) {
  const std::string line = "cannot read " + one_line(path) + ": " + std::strerror(error);
  if (!kept_) kept_.reset(std::tmpfile());
  if (!kept_ || std::fputs((line + '\n').c_str(), kept_.get()) < 0) say(line);
}

void unreadable::name_all(const std::function<void(const std::string&)>& say) {
  if (!kept_) return;
  std::rewind(kept_.get());
  char* line = nullptr;
  std::size_t capacity = 0;
  // A line is a whole name: one_line() leaves no newline in it.
  for (ssize_t size; (size = ::getline(&line, &capacity, kept_.get())) > 0;)
    say({line, static_cast<std::size_t>(size) - 1});
  std::free(line);
  kept_.reset();
}

}  // namespace producer_consumer
