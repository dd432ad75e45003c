#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <string>

namespace producer_consumer {

/// The files that could not be read, kept in a file without a name until the end, so that memory
/// does not depend on how many there are.
class unreadable {
 public:
  /// Keeps one; calls `say` at once if there is no place for it.
  void add(const std::string& path, int error, const std::function<void(const std::string&)>& say);

  /// Calls `say` with one line for each, in the order they came, and forgets them.
  void name_all(const std::function<void(const std::string&)>& say);

 private:
  struct close_file {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, close_file> kept_;
};

}  // namespace producer_consumer
