#pragma once

#include <string>
#include <string_view>

namespace hawser::test {

/// A new directory that is removed with all that is below it, however deep.
class temporary_directory {
 public:
  temporary_directory();
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory();

  const std::string& path() const { return path_; }

  /// The path of `name` in it.
  std::string operator/(std::string_view name) const;

  /// Creates the file `name` in it, and the directories on the way there. Returns its path.
  std::string write(std::string_view name, std::string_view content) const;

  /// Creates a chain of `depth` directories called `name` below `parent`, each inside the one
  /// before, and in every `every`th a file called "file" that holds `content`.
  void write_chain(std::string_view parent, std::string_view name, int depth, int every,
                   std::string_view content) const;

 private:
  std::string path_;
};

}  // namespace hawser::test
